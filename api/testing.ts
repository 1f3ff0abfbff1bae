import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance, LightMyRequestResponse } from "fastify";
import pino from "pino";
import { Registry } from "prom-client";
import { type Database, openDatabase } from "#store/database.ts";
import { readFeedHorizon } from "#store/feeds.ts";
import { createKey } from "#store/keys.ts";
import { openTestDatabase } from "#store/testing.ts";
import { buildApp } from "./app.ts";
import type { Scope } from "./auth.ts";
import type { ApiDeps, PrepareCommand } from "./deps.ts";

/** The clock of tests: fixed unless moved. */
export const TEST_NOW_MS = Date.UTC(2026, 10, 22, 12);

export type TestApi = {
  app: FastifyInstance;
  database: Database;
  registry: Registry;
  clock: { nowMs: number };
  /** What the store's wake-up does. */
  stored: () => void;
  /** Makes a key and gives its secret; all scopes and all fleets unless told. */
  key: (options?: { fleetId?: number | null; scopes?: Scope[]; expiresAt?: Date }) => Promise<string>;
  fleet: () => Promise<number>;
  device: (fleetId: number, uid: string) => Promise<number>;
  call: (secret: string, method: Method, url: string, body?: object) => Promise<LightMyRequestResponse>;
  close: () => Promise<void>;
};

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type TestOptions = Pick<
  ApiDeps,
  "limits" | "readiness" | "geocode" | "pagesFolder" | "roads" | "handPositions" | "trustProxy"
> & {
  database?: Database;
  /** Puts something between the API and its database. */
  through?: (database: Database) => Database;
};

/** The API on a database of its own, not listening. */
export async function openTestApi({ through, ...options }: TestOptions = {}): Promise<TestApi> {
  const server = await openTestDatabase();
  const database = options.database ?? (await openDatabase({ url: server.url, applicationName: "api test" }));
  const listeners = new Set<() => void>();
  const clock = { nowMs: TEST_NOW_MS };
  const registry = new Registry();
  const app = await buildApp({
    ...options,
    database: through?.(database) ?? database,
    registry,
    onStored: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    prepareCommand: prepareTestCommand,
    freshness: { delayedS: 60, staleS: 300, offlineS: 1_800 },
    logger: pino({ level: "silent" }),
    now: () => clock.nowMs,
  });
  let fleets = 0;
  return {
    app,
    database,
    registry,
    clock,
    stored: () => {
      for (const listener of listeners) listener();
    },
    key: async ({ fleetId = null, scopes = ["admin"], expiresAt } = {}) => {
      const created = await createKey(database, { fleetId, scopes, name: "test", expiresAt: expiresAt ?? null });
      return created.secret;
    },
    fleet: async () => {
      const { rows } = await database.pool.query("insert into fleet (name) values ($1) returning fleet_id", [
        `fleet ${++fleets}`,
      ]);
      return rows[0].fleet_id;
    },
    device: async (fleetId, uid) => {
      const { rows } = await database.pool.query(
        "insert into device (fleet_id, uid, protocol, model) values ($1, $2, 'teltonika', 'FMB120') returning device_id",
        [fleetId, uid],
      );
      return rows[0].device_id;
    },
    call: (secret, method, url, body) =>
      app.inject({
        method,
        url,
        headers: { authorization: `Bearer ${secret}` },
        ...(body === undefined ? {} : { body }),
      }),
    close: async () => {
      await app.close();
      await database.close();
      await server.close();
    },
  };
}

/** What the API asks the protocols, in small: `getver` and `setdigout 1` are commands, the second an immobiliser's. */
const prepareTestCommand: PrepareCommand = ({ protocol, text, type, class: asked, condition }) => {
  const words = text ?? (type === "version" ? "getver" : "");
  if (protocol !== "teltonika" || !/^(getver|setdigout \d)$/.test(words)) return { kind: "misfit", detail: "No such." };
  const isImmobiliser = asked === "immobiliser" || words.startsWith("setdigout");
  return isImmobiliser
    ? { kind: "fit", text: words, class: "immobiliser", condition: { speedMaxMps: 0.5, fixAgeMaxS: 60 } }
    : { kind: "fit", text: words, class: "normal", condition };
};

export type TestFix = {
  deviceId: number;
  fixId: number;
  timeMs: number;
  lat?: number | null;
  lon?: number | null;
  late?: boolean;
};

/** Stores fixes as one transaction of the stream does. */
export async function storeFixes(database: Database, fixes: readonly TestFix[]): Promise<void> {
  await database.pool.query(
    `insert into fix (fix_id, device_id, fix_time, fingerprint, received_at, stored_at, commit_xid, kind, protocol, valid,
       late, buffered, lat_deg, lon_deg, speed_mps, heading_deg, satellites, attributes)
     select id, device_id, at, id, at, at, pg_current_xact_id()::text::bigint, 'fix', 'teltonika', lat is not null, late,
       false, lat, lon, 13.9, 271, 9, '{"ignition": true}'
     from unnest($1::bigint[], $2::integer[], $3::timestamptz[], $4::float8[], $5::float8[], $6::boolean[])
       as given(id, device_id, at, lat, lon, late)`,
    [
      fixes.map((fix) => fix.fixId),
      fixes.map((fix) => fix.deviceId),
      fixes.map((fix) => new Date(fix.timeMs)),
      fixes.map((fix) => (fix.lat === undefined ? -33.1 : fix.lat)),
      fixes.map((fix) => (fix.lat === null ? null : (fix.lon ?? 151.2))),
      fixes.map((fix) => fix.late ?? false),
    ],
  );
}

/** A trip that goes on. */
export async function storeTrip(database: Database, fleetId: number, deviceId: number, tripId: string): Promise<void> {
  await database.pool.query(
    `insert into trip (trip_id, version, fleet_id, device_id, frame_seq, commit_xid, started_at, start_lat_deg,
       start_lon_deg, start_reason, replayed, withdrawn)
     values ($1, 1, $2, $3, 2, 1, $4, -33.1, 151.2, 'motion', false, false)`,
    [tripId, fleetId, deviceId, new Date(TEST_NOW_MS)],
  );
}

/**
 * Resolves when everything committed so far is readable in the feeds: transactions of other tests on the same server hold
 * the horizon back too.
 */
export async function settleFeeds(database: Database): Promise<void> {
  const { next } = await readFeedHorizon(database);
  while ((await readFeedHorizon(database)).horizon < next) await sleep(5);
}

/** The last known state of a device, as the stream keeps it. */
export async function storePosition(database: Database, fix: TestFix): Promise<void> {
  const at = new Date(fix.timeMs);
  await database.pool.query(
    `insert into device_state (device_id, partition, last_seq, fix_id, fix_time, received_at, valid, protocol, lat_deg,
       lon_deg, speed_mps, attributes, last_frame_at)
     values ($1, $1 % 16, 1, $2, $3, $3, true, 'teltonika', $4, $5, 13.9, '{"ignition": true}', $3)`,
    [fix.deviceId, fix.fixId, at, fix.lat ?? -33.1, fix.lon ?? 151.2],
  );
}

/** A vehicle with devices in it, the first of which speaks for it; gives its id. */
export async function storeVehicle(
  database: Database,
  fleetId: number,
  devices: readonly { deviceId: number; priority: number }[],
  timeMs = TEST_NOW_MS,
): Promise<number> {
  const { rows } = await database.pool.query(
    "insert into vehicle (fleet_id, kind) values ($1, 'van') returning vehicle_id",
    [fleetId],
  );
  const vehicleId: number = rows[0].vehicle_id;
  for (const { deviceId, priority } of devices) {
    await database.pool.query(
      "insert into vehicle_device (vehicle_id, device_id, priority, bound_from) values ($1, $2, $3, '2026-01-01')",
      [vehicleId, deviceId, priority],
    );
  }
  await database.pool.query(
    `insert into vehicle_state (vehicle_id, basis, newest, fold, device_id, reason, since, fix_id, fix_time, received_at,
       protocol, lat_deg, lon_deg, speed_mps)
     values ($1, '', '{}', '{}', $2, 'stale', $3, 2048, $3, $3, 'teltonika', -33.1, 151.2, 13.9)`,
    [vehicleId, devices[0]?.deviceId ?? null, new Date(timeMs)],
  );
  return vehicleId;
}

export async function storeEvents(
  database: Database,
  fleetId: number,
  events: readonly { id: string; deviceId?: number; type?: string; data?: object }[],
): Promise<void> {
  await database.pool.query(
    `insert into event (event_id, fleet_id, device_id, type, occurred_at, detected_at, commit_xid, data)
     select id, $1, device_id, type, now(), now(), pg_current_xact_id()::text::bigint, data
     from unnest($2::text[], $3::integer[], $4::text[], $5::jsonb[]) as given(id, device_id, type, data)`,
    [
      fleetId,
      events.map((event) => event.id),
      events.map((event) => event.deviceId ?? null),
      events.map((event) => event.type ?? "device.connected"),
      events.map((event) => event.data ?? {}),
    ],
  );
}

/** A quarantined frame; gives its id. */
export async function storeQuarantined(
  database: Database,
  frame: { deviceId: number | null; fleetId: number | null; source?: "gateway" | "stream"; reason?: string },
): Promise<string> {
  const source = frame.source ?? "stream";
  const { rows } = await database.pool.query(
    `insert into quarantine (source, device_id, fleet_id, protocol, transport, received_at, reason, bytes)
     values ($1, $2, $3, 'teltonika', 'tcp', $4, $5, '\\xdeadbeef') returning quarantine_id::text as id`,
    [source, frame.deviceId, frame.fleetId, new Date(TEST_NOW_MS), frame.reason ?? "layout"],
  );
  return rows[0].id;
}
