import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { compileStreets } from "#simulator/delivery/index.ts";
import { seededRandom } from "#simulator/random.ts";
import { loadGothenburg } from "#simulator/roads/network.ts";
import { migrate, openEmbeddedPostgres } from "#store";
import { PARTITIONS } from "#store/journal.ts";
import { DeliveryRounds } from "#stream/delivery/delivery-round.ts";
import { Estimators } from "#stream/delivery/estimators.ts";
import type { EtaEstimator, EtaPlace } from "#stream/eta/eta.ts";
import { type LegShape, Legs } from "#stream/eta/leg.ts";
import type { RoadNetwork } from "#stream/roads/network-file.ts";
import { cpuSecondsSince, printGoal, printTable } from "./measure.ts";

/**
 * What it costs to keep the ETAs of a whole fleet: 1,000 vehicles with 60 stops each, a fix every 10 s of each, through the
 * fold of routes on a real database. One round for every second of fleet time, as in service. Node's CPU is counted around
 * the rounds, PostgreSQL's is that of the fold's own connection. `node bench/eta-upkeep.ts VEHICLES SECONDS` for other sizes.
 */

const VEHICLES = Number(process.argv[2] ?? 1_000);
const MEASURED_S = Number(process.argv[3] ?? 120);
const STOPS = 60;
const FIX_EVERY_S = 10;
/** Until every vehicle has set off and has been routed. */
const WARM_UP_S = 90;
const SPEED_MPS = 9;
const SERVICE_S = 90;
const HALF_A_CORE_MS = 500;
const START_MS = Date.UTC(2026, 10, 2, 8);
/** Steps of a walk through the town, metres: stops of a round are near one another. */
const STOPS_APART_M = 1_500;

type Vehicle = {
  deviceId: number;
  places: readonly EtaPlace[];
  line: LegShape | undefined;
  leg: number;
  atM: number;
  restS: number;
};

/** CPU time inside the estimator, by method. */
class TimedEstimators extends Estimators {
  readonly spentMs = { follow: 0, estimate: 0, remainingPath: 0 };
  readonly calls = { follow: 0, estimate: 0, remainingPath: 0 };

  override find(fleetId: number): ReturnType<Estimators["find"]> {
    const engine = super.find(fleetId);
    if (engine === undefined) return undefined;
    const timed = Object.create(engine) as typeof engine & EtaEstimator;
    for (const name of ["follow", "estimate", "remainingPath"] as const) {
      const method = engine[name].bind(engine) as (...parts: unknown[]) => never;
      timed[name] = ((...parts: unknown[]) => {
        const begin = process.cpuUsage();
        const result = method(...parts);
        this.spentMs[name] += cpuSecondsSince(begin) * 1000;
        this.calls[name]++;
        return result;
      }) as never;
    }
    timed.depart = engine.depart.bind(engine);
    timed.setOff = engine.setOff.bind(engine);
    timed.lateShare = engine.lateShare.bind(engine);
    timed.observeTraffic = engine.observeTraffic.bind(engine);
    Object.defineProperty(timed, "model", { value: engine.model });
    return timed;
  }
}

const roads = await compileStreets(loadGothenburg());
const folder = await mkdtemp(join(tmpdir(), "eta-upkeep-"));
const server = await openEmbeddedPostgres({ dataDir: folder });
try {
  await migrate(server.url);
  await measure(server.url);
} finally {
  await server.close();
  await rm(folder, { recursive: true, force: true });
}

async function measure(url: string): Promise<void> {
  const writer = new pg.Client({ connectionString: url });
  const client = new pg.Client({ connectionString: url });
  await Promise.all([writer.connect(), client.connect()]);
  const legs = new Legs(roads);
  const vehicles = await makeFleet(writer, roads);
  let nowMs = START_MS;
  const estimators = new TimedEstimators(roads);
  const rounds = new DeliveryRounds(client, { now: () => nowMs, estimators });
  const takenUp = process.cpuUsage();
  await rounds.look();
  await rounds.round();
  const takenUpS = cpuSecondsSince(takenUp);
  const cost = { nodeS: 0, serverS: 0 };
  let before = { events: 0, etas: 0 };
  let eta = { ...estimators.spentMs };
  let calls = { ...estimators.calls };
  const { pid } = (await client.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]!;
  for (let second = 1; second <= WARM_UP_S + MEASURED_S; second++) {
    if (second === WARM_UP_S + 1) {
      before = await countRows(writer);
      eta = { ...estimators.spentMs };
      calls = { ...estimators.calls };
    }
    for (const vehicle of vehicles) drive(vehicle, legs);
    nowMs = START_MS + second * 1000;
    await report(
      writer,
      vehicles.filter(({ deviceId }) => deviceId % FIX_EVERY_S === second % FIX_EVERY_S),
      second,
      nowMs,
    );
    const begin = process.cpuUsage();
    const serverS = await cpuSecondsOf(pid);
    if (second % 5 === 0) await rounds.look();
    await rounds.round();
    if (second <= WARM_UP_S) continue;
    cost.nodeS += cpuSecondsSince(begin);
    cost.serverS += (await cpuSecondsOf(pid)) - serverS;
  }
  const after = await countRows(writer);
  await Promise.all([writer.end(), client.end()]);
  const perSecond = (ms: number) => ms / MEASURED_S;
  const nodeMs = perSecond(cost.nodeS * 1000);
  const serverMs = perSecond(cost.serverS * 1000);
  const etaMs = (name: keyof typeof eta) => perSecond(estimators.spentMs[name] - eta[name]);
  const mathsMs = etaMs("follow") + etaMs("estimate") + etaMs("remainingPath");
  printTable(
    `CPU ms per second of fleet time: ${VEHICLES} vehicles, ${STOPS} stops each, a fix every ${FIX_EVERY_S} s`,
    [
      {
        part: "progress along the way",
        "ms/s": etaMs("follow"),
        "calls/s": perSecond(estimators.calls.follow - calls.follow),
      },
      {
        part: "estimates",
        "ms/s": etaMs("estimate"),
        "calls/s": perSecond(estimators.calls.estimate - calls.estimate),
      },
      {
        ...{ part: "way to show", "ms/s": etaMs("remainingPath") },
        "calls/s": perSecond(estimators.calls.remainingPath - calls.remainingPath),
      },
      { part: "fold, rows, reading and writing in Node", "ms/s": nodeMs - mathsMs, "calls/s": "" },
      { part: "PostgreSQL, the fold's connection", "ms/s": serverMs, "calls/s": "" },
      { part: "all", "ms/s": nodeMs + serverMs, "calls/s": "" },
    ],
  );
  printTable("Written per second of fleet time, and what taking up a route costs once", [
    {
      "events/s": perSecond(after.events - before.events),
      "ETAs recorded/s": perSecond(after.etas - before.etas),
      "take up, ms a route": (takenUpS * 1000) / VEHICLES,
    },
  ]);
  printGoal(
    `ETA upkeep of ${VEHICLES} vehicles in half a core, ms per second`,
    nodeMs + serverMs,
    nodeMs + serverMs <= HALF_A_CORE_MS,
  );
}

/** Routes, stops and plans of real rows; a vehicle and a device each. */
async function makeFleet(writer: pg.Client, network: RoadNetwork): Promise<Vehicle[]> {
  const random = seededRandom(7, "eta-upkeep");
  const vehicles = Array.from({ length: VEHICLES }, (_, n): Vehicle => {
    const places = walk(network, random);
    return { deviceId: n + 1, places, line: undefined, leg: 0, atM: 0, restS: 0 };
  });
  await writer.query(
    "insert into device (device_id, fleet_id, uid) select n, 1, 'device-' || n from generate_series(1, $1::int) n",
    [VEHICLES],
  );
  await writer.query(
    "insert into vehicle (vehicle_id, fleet_id, kind) select n, 1, 'van' from generate_series(1, $1::int) n",
    [VEHICLES],
  );
  await writer.query(
    `insert into vehicle_device (vehicle_id, device_id, priority, bound_from) select n, n, 1, to_timestamp(0)
     from generate_series(1, $1::int) n`,
    [VEHICLES],
  );
  await writer.query(
    `insert into route (route_id, fleet_id, version, vehicle_id, starts_at, created_at, updated_at) overriding system value
     select n, 1, 1, n, $2, $2, $2 from generate_series(1, $1::int) n`,
    [VEHICLES, new Date(START_MS)],
  );
  for (const { deviceId, places } of vehicles) {
    const stops = places.slice(1).map((place, n) => ({
      ...{
        stopId: deviceId * 1_000 + n,
        kind: "delivery",
        ...place,
        geofenceId: deviceId * 1_000 + n,
        serviceS: SERVICE_S,
      },
      ...{ windowStartMs: null, windowEndMs: START_MS + 8 * 3_600_000, promisedByMs: null },
    }));
    await writer.query(
      `insert into stop (stop_id, fleet_id, route_id, position, lat_deg, lon_deg) overriding system value
       select s."stopId", 1, $2, s.nr, s."latDeg", s."lonDeg" from json_to_recordset($1::json)
         as s ("stopId" bigint, nr integer, "latDeg" float8, "lonDeg" float8)`,
      [JSON.stringify(stops.map((stop, nr) => ({ ...stop, nr }))), deviceId],
    );
    const [start] = places;
    const plan = { vehicleId: deviceId, status: "planned", startsAtMs: START_MS, endsAtMs: null, stops };
    await writer.query(
      `insert into route_version (route_id, version, fleet_id, reason, effective_at, revision, plan)
       values ($1, 1, 1, 'created', $2, $1, $3)`,
      [deviceId, new Date(START_MS - 1_000), { ...plan, start: [start!.latDeg, start!.lonDeg], end: null }],
    );
  }
  await writer.query("analyze");
  return vehicles;
}

function walk(network: RoadNetwork, random: () => number): EtaPlace[] {
  const { vertexLatE7, vertexLonE7 } = network;
  const placeOf = (vertex: number) => ({ latDeg: vertexLatE7[vertex]! / 1e7, lonDeg: vertexLonE7[vertex]! / 1e7 });
  const any = () => placeOf(Math.floor(random() * vertexLatE7.length));
  const places = [any()];
  while (places.length <= STOPS) {
    const from = places.at(-1)!;
    const next = Array.from({ length: 40 }, any).find((place) => {
      const apartM = Math.hypot(place.latDeg - from.latDeg, (place.lonDeg - from.lonDeg) * 0.54) * 111_195;
      return apartM > 200 && apartM < STOPS_APART_M;
    });
    places.push(next ?? any());
  }
  return places;
}

/** One second further along its way, with a while at every stop. */
function drive(vehicle: Vehicle, legs: Legs): void {
  if (vehicle.restS > 0) {
    vehicle.restS--;
    return;
  }
  vehicle.line ??= legs.shapeOf(legs.find(vehicle.places[vehicle.leg]!, vehicle.places[vehicle.leg + 1]!));
  vehicle.atM += SPEED_MPS;
  if (vehicle.atM < vehicle.line.alongM.at(-1)!) return;
  vehicle.leg++;
  vehicle.line = undefined;
  vehicle.atM = 0;
  vehicle.restS = SERVICE_S;
}

function placeOnLine({ line, atM, places, leg }: Vehicle): EtaPlace {
  if (line === undefined) return places[leg]!;
  const { alongM, latDeg, lonDeg } = line;
  let point = alongM.findIndex((metres) => metres >= atM);
  if (point <= 0) point = point < 0 ? alongM.length - 1 : 1;
  const share = (atM - alongM[point - 1]!) / Math.max(0.1, alongM[point]! - alongM[point - 1]!);
  const between = (values: Float64Array) =>
    values[point - 1]! + (values[point]! - values[point - 1]!) * Math.min(1, share);
  return { latDeg: between(latDeg), lonDeg: between(lonDeg) };
}

/** What the stream would have written of these vehicles' frames: fixes, states, and crossings where one has come or gone. */
async function report(writer: pg.Client, vehicles: readonly Vehicle[], seq: number, nowMs: number): Promise<void> {
  const rows = vehicles.map((vehicle) => ({
    deviceId: vehicle.deviceId,
    ...placeOnLine(vehicle),
    speed: vehicle.restS > 0 ? 0 : SPEED_MPS,
  }));
  const at = new Date(nowMs);
  await writer.query(
    `with given as (select * from json_to_recordset($1::json) as r ("deviceId" integer, "latDeg" float8, "lonDeg" float8, speed real)),
     states as (insert into device_state (device_id, partition, last_seq) select "deviceId", "deviceId" % ${PARTITIONS}, $2 from given
       on conflict (device_id) do update set last_seq = excluded.last_seq)
     insert into fix (fix_id, device_id, fix_time, fingerprint, received_at, stored_at, commit_xid, kind, protocol, valid, late,
       buffered, lat_deg, lon_deg, speed_mps, attributes)
     select $2 * 1024, "deviceId", $3, 1, $3, $3, 0, 'fix', 'teltonika', true, false, false, "latDeg", "lonDeg", speed, '{}' from given`,
    [JSON.stringify(rows), seq, at],
  );
  const crossings = vehicles.flatMap((vehicle) => crossingsOf(vehicle));
  await writer.query(
    `insert into event (event_id, fleet_id, device_id, type, occurred_at, detected_at, frame_seq, commit_xid, data)
     select r.id, 1, r."deviceId", r.type, $3, $3, $2, 0, jsonb_build_object('geofenceId', r.fence)
     from json_to_recordset($1::json) as r (id text, "deviceId" integer, type text, fence integer) on conflict do nothing`,
    [JSON.stringify(crossings), seq, at],
  );
  await writer.query("update stream_cursor set seq = $1", [seq]);
}

function crossingsOf({ deviceId, leg, restS, line, atM }: Vehicle) {
  const fence = deviceId * 1_000 + leg - 1;
  const of = (type: string) => [{ id: `${type} ${fence}`, deviceId, type, fence }];
  if (leg > 0 && restS > 0) return of("geofence.entered");
  return leg > 0 && line !== undefined && atM > 80 ? of("geofence.exited") : [];
}

async function countRows(writer: pg.Client): Promise<{ events: number; etas: number }> {
  const { rows } = await writer.query<{ events: number; etas: number }>(
    `select (select count(*) from event where type not like 'geofence.%')::float8 as events,
      (select count(*) from eta)::float8 as etas`,
  );
  return rows[0]!;
}

/** User and system time of a process, by Linux; 0 elsewhere. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const TICKS_PER_S = 100;
  return fields.length < 13 ? 0 : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}
