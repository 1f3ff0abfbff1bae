import type { Database } from "./database.ts";

/** A frame that the gateway refused before its ack. Nobody is known where a connection had not logged in. */
export type QuarantineRow = {
  deviceId: number | null;
  fleetId: number | null;
  protocol: string;
  transport: string;
  /** Unix milliseconds, gateway clock. */
  receivedAtMs: number;
  remoteAddress: string | null;
  reason: string;
  detail: string | null;
  bytes: Uint8Array;
};

const INSERT_REJECTED = `insert into quarantine
  (source, device_id, fleet_id, protocol, transport, received_at, remote_address, reason, detail, bytes)
  select 'gateway', r.device_id, r.fleet_id, r.protocol, r.transport, to_timestamp(r.received_at_ms / 1000.0),
    r.remote_address, r.reason, r.detail, decode(r.bytes_hex, 'hex')
  from unnest($1::integer[], $2::integer[], $3::text[], $4::text[], $5::float8[], $6::text[], $7::text[], $8::text[],
    $9::text[]) as r (device_id, fleet_id, protocol, transport, received_at_ms, remote_address, reason, detail, bytes_hex)`;

/** Stores refused frames in one statement; rejects while the database is away. */
export async function quarantineRejected(database: Database, rows: readonly QuarantineRow[]): Promise<void> {
  await database.pool.query(INSERT_REJECTED, [
    rows.map((row) => row.deviceId),
    rows.map((row) => row.fleetId),
    rows.map((row) => row.protocol),
    rows.map((row) => row.transport),
    rows.map((row) => row.receivedAtMs),
    rows.map((row) => row.remoteAddress),
    rows.map((row) => row.reason),
    rows.map((row) => row.detail),
    rows.map((row) => Buffer.from(row.bytes).toString("hex")),
  ]);
}
