import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "./database.ts";
import { endOverStopFences } from "./over-stops.ts";
import { forgetOldContacts, forgetOldRecipients } from "./proof-retention.ts";

export type MaintenanceOptions = {
  frameRetentionDays: number;
  fixRetentionDays: number;
  eventRetentionDays: number;
  proofRetentionDays: number;
  contactRetentionDays: number;
  /** Unix milliseconds. */
  now: () => number;
  log?: (line: string) => void;
  /** Time between two rounds. */
  intervalMs?: number;
};

const INTERVAL_MS = 600_000;
const DAY_MS = 86_400_000;
/** Rows that one statement drops on plain PostgreSQL, and the pause that leaves the disk to the appends. */
const ROWS_PER_BATCH_MAX = 5_000;
const BATCH_PAUSE_MS = 50;
const UNKNOWN_DEVICE_DAYS = 30;
const UNKNOWN_DEVICES_MAX = 100_000;
/** Refused frames kept at most, the newest: with a frame's largest size this bounds what strangers can fill. */
const REFUSED_FRAMES_MAX = 50_000;
/** One process at a time tends the tables. */
const MAINTENANCE_LOCK = 7_411_820_003;

/** Drops what is past its retention, now and then. A round that fails (the database is away) is repeated with the next. */
export function openMaintenance(database: Database, options: MaintenanceOptions): { close(): Promise<void> } {
  const ending = new AbortController();
  const loop = async () => {
    while (!ending.signal.aborted) {
      try {
        await maintain(database, options, ending.signal);
      } catch (error) {
        options.log?.(`maintenance is put off: ${String(error)}`);
      }
      await pause(options.intervalMs ?? INTERVAL_MS, ending.signal);
    }
  };
  const finished = loop();
  return {
    close: async () => {
      ending.abort();
      await finished;
    },
  };
}

/** One round. Frames that the stream has not folded yet stay, however old they are. */
export async function maintain(
  database: Database,
  options: MaintenanceOptions,
  ending: AbortSignal = new AbortController().signal,
): Promise<{ frames: number; fixes: number; events: number }> {
  const client = await database.pool.connect();
  try {
    const lock = await client.query<{ held: boolean }>("select pg_try_advisory_lock($1) as held", [MAINTENANCE_LOCK]);
    if (lock.rows[0]?.held !== true) return { frames: 0, fixes: 0, events: 0 };
    try {
      const dropAll = async (dropBatch: string, days: number): Promise<number> => {
        const keepSince = new Date(options.now() - days * DAY_MS);
        for (let total = 0; ; await pause(BATCH_PAUSE_MS, ending)) {
          const dropped = await client.query<{ count: number }>(dropBatch, [keepSince, ROWS_PER_BATCH_MAX]);
          const { count } = dropped.rows[0]!;
          total += count;
          if (count < ROWS_PER_BATCH_MAX || ending.aborted) return total;
        }
      };
      const frames = await dropAll("select drop_old_frames($1, $2) as count", options.frameRetentionDays);
      const fixes = await dropAll("select drop_old_fixes($1, $2) as count", options.fixRetentionDays);
      // What was driven is as private as the fixes that it was made of.
      const trackDays = Math.max(options.fixRetentionDays, options.frameRetentionDays);
      await dropAll(DROP_OLD_TRIPS, trackDays);
      await dropAll(DROP_OLD_PATHS, trackDays);
      // While its frame is kept an event can be derived again: it must be there to be known.
      const eventDays = Math.max(options.eventRetentionDays, options.frameRetentionDays);
      const events = await dropAll(DROP_OLD_EVENTS, eventDays);
      await dropAll(DROP_OLD_ETAS, eventDays);
      await dropAll(dropOld("notification", "due_at"), eventDays);
      await dropAll(dropOld("tracking_link", "expires_at"), eventDays);
      // Without its frames a route is not folded again.
      await dropAll(dropOld("route_tick", "at"), options.frameRetentionDays);
      await client.query(PRUNE_UNKNOWN_DEVICES, [
        new Date(options.now() - UNKNOWN_DEVICE_DAYS * DAY_MS),
        UNKNOWN_DEVICES_MAX,
      ]);
      await client.query(PRUNE_QUARANTINE, [
        new Date(options.now() - options.frameRetentionDays * DAY_MS),
        REFUSED_FRAMES_MAX,
      ]);
      await client.query(FORGET_ANSWERS, [new Date(options.now() - DAY_MS)]);
      await endOverStopFences(database, options.now());
      const proofsSince = new Date(options.now() - options.proofRetentionDays * DAY_MS);
      await forgetOldRecipients(database, proofsSince, options.now());
      const contactsSince = new Date(options.now() - options.contactRetentionDays * DAY_MS);
      await forgetOldContacts(database, contactsSince, options.now());
      return { frames, fixes, events };
    } finally {
      await client.query("select pg_advisory_unlock($1)", [MAINTENANCE_LOCK]);
    }
  } finally {
    client.release();
  }
}

// Events are detected about in the order of their commits, which has an index: the oldest of that order are looked at.
const DROP_OLD_EVENTS = `with oldest as materialized (
    select event_id, detected_at from event order by commit_xid, event_seq limit $2),
  dropped as (
    delete from event where event_id in (select event_id from oldest where detected_at < $1) returning 1)
  select count(*) as count from dropped`;

const DROP_OLD_ETAS = `with oldest as materialized (
    select eta_id, computed_at from eta order by commit_xid, eta_id limit $2),
  dropped as (
    delete from eta where eta_id in (select eta_id from oldest where computed_at < $1) returning 1)
  select count(*) as count from dropped`;

const dropOld = (table: "notification" | "tracking_link" | "route_tick", time: string) => `with dropped as (
    delete from ${table} where ctid in (select ctid from ${table} where ${time} < $1 limit $2) returning 1)
  select count(*) as count from dropped`;

const DROP_OLD_TRIPS = `with dropped as (
    delete from trip where ctid = any(array(
      select ctid from trip where coalesce(ended_at, started_at) < $1 limit $2)) returning 1)
  select count(*) as count from dropped`;

const DROP_OLD_PATHS = `with dropped as (
    delete from path where ctid = any(array(select ctid from path where entered_at < $1 limit $2)) returning 1)
  select count(*) as count from dropped`;

const FORGET_ANSWERS = "delete from idempotency_key where created_at < $1";

// Strangers can invent names without end: the ones seen last are kept.
const PRUNE_UNKNOWN_DEVICES = `delete from unknown_device where last_seen_at < greatest($1::timestamptz,
  (select last_seen_at from unknown_device order by last_seen_at desc offset $2 limit 1))`;

// What was refused was never acknowledged, and what is resolved has its fixes: both go with the frames of their time. What
// was acknowledged and is not understood yet stays.
const PRUNE_QUARANTINE = `delete from quarantine where
  (source = 'gateway' or resolved_at is not null) and received_at < $1
  or source = 'gateway' and quarantine_id <= (
    select quarantine_id from quarantine where source = 'gateway' order by quarantine_id desc offset $2 limit 1)`;

async function pause(delayMs: number, ending: AbortSignal): Promise<void> {
  if (ending.aborted) return;
  await sleep(delayMs, undefined, { signal: ending }).catch(() => undefined);
}
