import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { insertEvents } from "./event-writes.ts";
import { FIX_COPY_COLUMNS, type FixCopy } from "./fold-copy.ts";
import { type DeviceStateRow, type EventRow, type QuarantineRow, textOf } from "./fold-rows.ts";
import { upsertStates } from "./fold-states.ts";
import { type FleetTripRow, insertPath, upsertTrips } from "./fold-track.ts";
import type { PathSegmentRow } from "./track-rows.ts";

/** Devices named in a notification of `fixes`; beyond, the payload is empty and listeners look for themselves. */
const NOTIFIED_DEVICES_MAX = 64;

/** Where the fold of a partition stands. `revision` changes when somebody else has rewritten what it made. */
export type Cursor = { partition: number; seq: number; revision: number };

/** One partition's step: `seq` after the batch, or the same `seq` when only its devices are written. */
export type CursorMove = Cursor & { expectedSeq: number };

export type FoldBatch = {
  moves: readonly CursorMove[];
  fixes: FixCopy;
  states: readonly DeviceStateRow[];
  events: readonly EventRow[];
  path: readonly PathSegmentRow[];
  trips: readonly FleetTripRow[];
  quarantined: readonly QuarantineRow[];
  /** Rows of the quarantine that were tried again: understood, or the reason why not. */
  retried: readonly { quarantineId: string; failure: { reason: string; detail: string } | null }[];
  storedAtMs: number;
};

/** Another writer has moved a cursor or rewritten history: what this one remembers is worth nothing any more. */
export class StaleCursorError extends Error {
  readonly code = "stale_cursor";
}

/**
 * Commits the outputs of a batch, the state of its devices and the cursors in one transaction: all of it or nothing.
 * Throws `StaleCursorError` where a cursor is not where this writer left it.
 */
export async function commitFold(client: Client, batch: FoldBatch): Promise<void> {
  await client.query("begin");
  try {
    const commitXid = await moveCursors(client, batch.moves);
    if (batch.fixes.rows > 0) await copyFixes(client, batch.fixes.finish(commitXid, batch.storedAtMs));
    if (batch.states.length > 0) await upsertStates(client, batch.states);
    if (batch.events.length > 0) await insertEvents(client, batch.events);
    if (batch.path.length > 0) await insertPath(client, batch.path);
    if (batch.trips.length > 0) await upsertTrips(client, batch.trips);
    if (batch.quarantined.length > 0) await insertQuarantined(client, batch.quarantined);
    if (batch.retried.length > 0) await closeRetried(client, batch.retried);
    if (batch.fixes.rows + batch.events.length > 0) await notifyFixes(client, batch.states);
    await client.query("commit");
  } catch (error) {
    await rollback(client, error);
    throw error;
  }
}

/** Rolls back after `cause`; a connection that can't is lost, and its transaction with it. */
async function rollback(client: Client, cause: unknown): Promise<void> {
  try {
    await client.query("rollback");
  } catch (error) {
    throw new Error("rollback failed", { cause: cause ?? error });
  }
}

async function moveCursors(client: Client, moves: readonly CursorMove[]): Promise<bigint> {
  const { rows } = await client.query<{ xid: string }>({
    name: "fold-move-cursors",
    text: `update stream_cursor c set seq = m.seq, updated_at = now()
      from unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::integer[]) as m (partition, expected, seq, revision)
      where c.partition = m.partition and c.seq = m.expected and c.revision = m.revision
      returning pg_current_xact_id()::text as xid`,
    values: [
      moves.map((move) => move.partition),
      moves.map((move) => move.expectedSeq),
      moves.map((move) => move.seq),
      moves.map((move) => move.revision),
    ],
  });
  if (rows[0] === undefined || rows.length !== moves.length)
    throw new StaleCursorError("another writer moved a cursor");
  return BigInt(rows[0].xid);
}

/** Writes one message of binary COPY into `fix`, or a table of the same columns. */
export async function copyFixes(client: Client, message: Buffer, table: "fix" | "replayed" = "fix"): Promise<void> {
  const copy = client.query(copyFrom(`copy ${table} (${FIX_COPY_COLUMNS}) from stdin (format binary)`));
  await new Promise<void>((resolve, reject) => {
    copy.on("finish", resolve);
    copy.on("error", reject);
    copy.end(message);
  });
}

async function insertQuarantined(client: Client, rows: readonly QuarantineRow[]): Promise<void> {
  await client.query(
    `insert into quarantine (source, frame_seq, device_id, fleet_id, protocol, transport, received_at, remote_address,
      reason, detail, bytes)
     select 'stream', q.* from unnest($1::bigint[], $2::integer[], $3::integer[], $4::text[], $5::text[],
      $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::bytea[]) as q
     on conflict (frame_seq) where frame_seq is not null do nothing`,
    [
      rows.map((row) => row.frameSeq),
      rows.map((row) => row.deviceId),
      rows.map((row) => row.fleetId),
      rows.map((row) => row.protocol),
      rows.map((row) => row.transport),
      rows.map((row) => new Date(row.receivedAtMs)),
      rows.map((row) => row.remoteAddress),
      rows.map((row) => row.reason),
      rows.map((row) => textOf(row.detail)),
      rows.map((row) => Buffer.from(row.bytes.buffer, row.bytes.byteOffset, row.bytes.length)),
    ],
  );
}

async function closeRetried(client: Client, retried: FoldBatch["retried"]): Promise<void> {
  await client.query(
    `update quarantine q set retry_requested_at = null,
      resolved_at = case when r.reason is null then now() end,
      reason = coalesce(r.reason, q.reason), detail = coalesce(r.detail, q.detail)
     from unnest($1::bigint[], $2::text[], $3::text[]) as r (quarantine_id, reason, detail)
     where q.quarantine_id = r.quarantine_id`,
    [
      retried.map((row) => row.quarantineId),
      retried.map((row) => row.failure?.reason ?? null),
      retried.map((row) => (row.failure === null ? null : textOf(row.failure.detail))),
    ],
  );
}

async function notifyFixes(client: Client, states: readonly DeviceStateRow[]): Promise<void> {
  const few = states.length <= NOTIFIED_DEVICES_MAX;
  const payload = few ? JSON.stringify(states.map((state) => state.deviceId)) : "";
  await client.query({ name: "fold-notify", text: "select pg_notify('fixes', $1)", values: [payload] });
}
