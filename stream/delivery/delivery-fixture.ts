import { createHash } from "node:crypto";
import pg from "pg";
import { connectionSettings } from "#store/database.ts";
import type { RouteContent, StopContent } from "#store/plan-rows.ts";
import { createRoute } from "#store/routes.ts";
import type { JsonReport } from "../json-device.ts";
import { openStreamFixture, START_MS, type StreamFixture } from "../stream-fixture.ts";
import { DeliveryRounds } from "./delivery-round.ts";
import { plainEstimators, up } from "./route-fixture.ts";

/** Test support: a van with two devices on a route of real rows, and its journal. Seconds count from `START_MS`. */

export type DeliveryFixture = Awaited<ReturnType<typeof openDeliveryFixture>>;

/** Every delivery event, and what the API reads of routes and stops. */
const OUTCOME = {
  events: `select event_id, type, device_id, occurred_at, detected_at, replayed, supersedes, frame_seq, data from event
    where type like 'stop.%' or type like 'route.%' or type = 'eta.changed' order by event_id`,
  routes: "select to_jsonb(r) - 'fold' as row, fold - 'cursorSeq' as fold from route_state r order by route_id",
  stops: "select to_jsonb(s) as row from stop_state s order by stop_id",
};

export async function openDeliveryFixture() {
  const stream: StreamFixture = await openStreamFixture();
  const { rows, database } = stream;
  const [tracker, phone] = stream.deviceIds as [number, number];
  const vehicleId = (
    await rows<{ id: number }>("insert into vehicle (fleet_id, kind) values (1, 'van') returning vehicle_id as id")
  )[0]!.id;
  for (const [deviceId, priority] of [
    [tracker, 1],
    [phone, 2],
  ]) {
    await rows("insert into vehicle_device (vehicle_id, device_id, priority, bound_from) values ($1, $2, $3, $4)", [
      ...[vehicleId, deviceId, priority, new Date(START_MS - 86_400_000)],
    ]);
  }
  let nowMs = START_MS;

  /** A route whose plan counts from an hour before the start. Stops are given by their place on the street, in metres. */
  async function addRoute(
    externalId: string,
    metres: readonly number[],
    more: Partial<StopContent> = {},
  ): Promise<string> {
    const content: RouteContent = {
      ...{ externalId, name: null, vehicleId, driverId: null, brandId: null, start: null, end: null },
      ...{ startsAtMs: START_MS, endsAtMs: START_MS + 8 * 3_600_000, capacity: null, policy: {} },
    };
    const stops = metres.map(
      (place, n): StopContent => ({
        ...{
          externalId: `${externalId}-${n + 1}`,
          kind: "delivery",
          ...up(place),
          radiusM: 75,
          address: null,
          contact: {},
        },
        ...{ notes: null, windowStartMs: null, windowEndMs: START_MS + 7_200_000, serviceS: 120, demand: 0 },
        ...{ promisedByMs: null, timeZone: null, policy: {}, ...more },
      }),
    );
    const made = await createRoute(database, 1, content, stops);
    if (made.kind !== "done") throw new Error(`refused: ${JSON.stringify(made)}`);
    await backdate(made.route.routeId, -3_600);
    return String(made.route.routeId);
  }

  /** The newest plan of a route was made at this second, and so were the newest geofences. */
  async function backdate(routeId: number | string, second: number): Promise<void> {
    const at = new Date(START_MS + second * 1000);
    const ago = new Date(START_MS + (second - 3_600) * 1000);
    await rows("update route set created_at = $2, updated_at = $2 where route_id = $1", [routeId, at]);
    await rows(
      `update route_version set effective_at = $2 where route_id = $1
        and version = (select max(version) from route_version where route_id = $1)`,
      [routeId, at],
    );
    await rows("update geofence_version set valid_from = least(valid_from, $1)", [ago]);
  }

  /** Reports of one device that come in one frame each as they are made; `receivedS` is when they come instead. */
  async function send(deviceId: number, reports: readonly JsonReport[], receivedS?: number): Promise<void> {
    const frames = receivedS === undefined ? reports.map((report) => [report]) : [reports];
    for (const frame of frames) {
      const receivedAtMs = receivedS === undefined ? frame.at(-1)!.timeMs! : START_MS + receivedS * 1000;
      await stream.append(deviceId, frame, { receivedAtMs });
    }
  }

  /** Takes up all that is open and folds what there is; a fresh instance, as after a start. */
  async function fold(options: { second?: number; client?: pg.Client } = {}): Promise<void> {
    nowMs = START_MS + (options.second ?? 0) * 1000;
    const client = options.client ?? (await connect());
    try {
      const rounds = new DeliveryRounds(client, { now: () => nowMs, estimators: plainEstimators });
      await rounds.look();
      await rounds.round();
    } finally {
      if (options.client === undefined) await client.end();
    }
  }

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client(connectionSettings(stream.url, "delivery test"));
    await client.connect();
    return client;
  }

  async function outcome() {
    const [events, routes, stops] = [await rows(OUTCOME.events), await rows(OUTCOME.routes), await rows(OUTCOME.stops)];
    return { events, routes, stops };
  }

  async function hash(): Promise<string> {
    return createHash("sha256")
      .update(JSON.stringify(await outcome()))
      .digest("hex");
  }

  /** Forgets what the fold of routes has made; plans, fixes and crossings stay. */
  async function forget(): Promise<void> {
    await rows("truncate route_state, stop_state, fleet_traffic");
    await rows("delete from event where type like 'stop.%' or type like 'route.%' or type = 'eta.changed'");
  }

  /** Types and stops in the order of the journal, without changes of ETAs. */
  async function told(): Promise<string[]> {
    const events = await rows<{ told: string }>(
      `select concat_ws(' ', type, s.external_id, case when replayed then 'late' end,
          case when supersedes is not null then 'again' end) as told
        from event e left join stop s on s.stop_id = (e.data ->> 'stopId')::bigint
        where type like 'stop.%' or type like 'route.%' order by event_seq`,
    );
    return events.map((event) => event.told);
  }

  return { ...stream, tracker, phone, vehicleId, addRoute, backdate, send, fold, connect, outcome, hash, forget, told };
}

/** Reports every five seconds from one place on the street to another. */
export function driven(fromS: number, toS: number, fromM: number, toM: number): JsonReport[] {
  const reports: JsonReport[] = [];
  for (let second = fromS; second <= toS; second += 5) {
    const metres = fromM + ((toM - fromM) * (second - fromS)) / Math.max(1, toS - fromS);
    reports.push({ timeMs: START_MS + second * 1000, ...up(metres) });
  }
  return reports;
}

/** A drive to each place at 10 m/s from the one before, with two minutes at each, and on for a while. */
export function dayOf(places: readonly number[]): JsonReport[] {
  const reports = driven(0, 60, 0, 0);
  let [second, at] = [65, 0];
  for (const place of [...places, places.at(-1)! + 600]) {
    const arrivesS = second + Math.ceil(Math.abs(place - at) / 50) * 5;
    reports.push(...driven(second, arrivesS, at, place), ...driven(arrivesS + 5, arrivesS + 120, place, place));
    second = arrivesS + 125;
    at = place;
  }
  return reports;
}
