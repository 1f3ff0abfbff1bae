import type { Client } from "pg";

/** What a fleet observed in a time, for its ETAs to learn from. Unix milliseconds, seconds, WGS 84 degrees. */

const ETA_LEARNING_LOCK = 7_411_820_011;
/** Errors that are read at a time. */
const ERRORS_PER_PAGE = 20_000;

export type ObservedTime = { fleetId: number; fromMs: number; toMs: number };

/** One process at a time learns, for as long as this session lives; false while another does. */
export async function claimEtaLearning(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ claimed: boolean }>("select pg_try_advisory_lock($1) as claimed", [
    ETA_LEARNING_LOCK,
  ]);
  return rows[0]!.claimed;
}

/** When something was first observed of a fleet's stops, from `sinceMs` on. */
export async function findFirstArrivalMs(
  client: Client,
  fleetId: number,
  sinceMs: number,
): Promise<number | undefined> {
  const { rows } = await client.query<{ atMs: number | null }>(
    `select floor(extract(epoch from min(s.arrived_at)) * 1000)::float8 as "atMs"
     from stop_state s join stop using (stop_id)
     where stop.fleet_id = $1 and s.arrived_at >= to_timestamp($2::float8 / 1000)`,
    [fleetId, sinceMs],
  );
  return rows[0]?.atMs ?? undefined;
}

const WITHIN = (column: string): string =>
  `${column} >= to_timestamp($2::float8 / 1000) and ${column} < to_timestamp($3::float8 / 1000)`;
const ms = (column: string): string => `floor(extract(epoch from ${column}) * 1000)::float8`;

export type ObservedVisit = {
  latDeg: number;
  lonDeg: number;
  kind: string;
  driverId: number | null;
  vehicleId: number | null;
  plannedS: number | null;
  arrivedMs: number;
  departedMs: number;
  windowStartMs: number | null;
};

/** Visits that ended in the time, in the order of stops. */
export async function readVisits(client: Client, { fleetId, fromMs, toMs }: ObservedTime): Promise<ObservedVisit[]> {
  const { rows } = await client.query<ObservedVisit>(
    `select stop.lat_deg as "latDeg", stop.lon_deg as "lonDeg", stop.kind, stop.service_s as "plannedS",
       route.driver_id as "driverId", route.vehicle_id as "vehicleId",
       ${ms("s.arrived_at")} as "arrivedMs", ${ms("s.departed_at")} as "departedMs",
       ${ms("stop.window_start")} as "windowStartMs"
     from stop_state s join stop using (stop_id) left join route on route.route_id = stop.route_id
     where stop.fleet_id = $1 and ${WITHIN("s.departed_at")} and s.arrived_at < s.departed_at order by s.stop_id`,
    [fleetId, fromMs, toMs],
  );
  return rows;
}

export type ObservedLeg = {
  fromLatDeg: number;
  fromLonDeg: number;
  latDeg: number;
  lonDeg: number;
  driverId: number | null;
  vehicleId: number | null;
  leftMs: number;
  arrivedMs: number;
  /** Halts on it, seconds. */
  haltedS: number;
};

/** Legs from stop to stop that ended in the time, in the order of routes and arrivals. */
export async function readLegs(client: Client, { fleetId, fromMs, toMs }: ObservedTime): Promise<ObservedLeg[]> {
  const { rows } = await client.query<ObservedLeg>(
    `with visit as (
       select s.route_id, stop.lat_deg, stop.lon_deg, s.arrived_at,
         lag(stop.lat_deg) over leg as from_lat, lag(stop.lon_deg) over leg as from_lon, lag(s.departed_at) over leg as left_at
       from stop_state s join stop using (stop_id)
       where stop.fleet_id = $1 and s.arrived_at is not null and s.route_id in (
         select n.route_id from stop_state n where ${WITHIN("n.arrived_at")})
       window leg as (partition by s.route_id order by s.arrived_at, s.stop_id)
     ), leg as (select *, ${ms("left_at")} as left_ms, ${ms("arrived_at")} as arrived_ms from visit)
     select leg.from_lat as "fromLatDeg", leg.from_lon as "fromLonDeg", leg.lat_deg as "latDeg", leg.lon_deg as "lonDeg",
       route.driver_id as "driverId", route.vehicle_id as "vehicleId", left_ms as "leftMs", arrived_ms as "arrivedMs",
       (select coalesce(sum(greatest(0, least((halt ->> 'toMs')::float8, arrived_ms) - greatest((halt ->> 'fromMs')::float8, left_ms))), 0)
        from jsonb_array_elements(coalesce(r.fold #> '{progress,pauses}', '[]'::jsonb)
          || coalesce(nullif(r.fold #> '{progress,rest}', 'null'::jsonb), '[]'::jsonb)) halt) / 1000 as "haltedS"
     from leg join route using (route_id) join route_state r using (route_id)
     where left_at < arrived_at and ${WITHIN("arrived_at")} order by route_id, arrived_at`,
    [fleetId, fromMs, toMs],
  );
  return rows;
}

type ObservedHalt = { fromMs: number; toMs: number };
export type ObservedRoute = ObservedHalt & {
  rest: (ObservedHalt & { atStop?: boolean }) | null;
  pauses: readonly ObservedHalt[];
};

/** Routes completed in the time, with the rest and the pauses that their fold has seen. */
export async function readRestDays(client: Client, { fleetId, fromMs, toMs }: ObservedTime): Promise<ObservedRoute[]> {
  const { rows } = await client.query<ObservedRoute>(
    `select ${ms("s.started_at")} as "fromMs", ${ms("s.completed_at")} as "toMs",
       nullif(s.fold #> '{progress,rest}', 'null'::jsonb) as rest,
       coalesce(s.fold #> '{progress,pauses}', '[]'::jsonb) as pauses
     from route_state s join route using (route_id)
     where route.fleet_id = $1 and s.started_at is not null and ${WITHIN("s.completed_at")} order by s.route_id`,
    [fleetId, fromMs, toMs],
  );
  return rows;
}

export type ObservedError = {
  etaId: string;
  bucket: string;
  expectedMs: number;
  spreadS: number;
  restShare: number;
  restS: number;
  arrivedMs: number;
};

/** ETAs whose stop was reached in the time, in pages in the order of their issue. */
export async function* readErrors(
  client: Client,
  { fleetId, fromMs, toMs }: ObservedTime,
): AsyncGenerator<ObservedError[]> {
  for (let afterId = "0"; ; ) {
    const { rows } = await client.query<ObservedError>(
      `select eta_id::text as "etaId", bucket, expected_ms as "expectedMs", spread_s as "spreadS",
         rest_share as "restShare", rest_s as "restS", ${ms("arrived_at")} as "arrivedMs"
       from eta_scored
       where fleet_id = $1 and ${WITHIN("arrived_at")} and eta_id > $4 and bucket is not null
       order by eta_id limit ${ERRORS_PER_PAGE}`,
      [fleetId, fromMs, toMs, afterId],
    );
    if (rows.length > 0) yield rows;
    if (rows.length < ERRORS_PER_PAGE) return;
    afterId = rows.at(-1)!.etaId;
  }
}

/** Devices of the fleet with matched fixes in the time. */
export async function readDrivingDevices(client: Client, { fleetId, fromMs, toMs }: ObservedTime): Promise<number[]> {
  const { rows } = await client.query<{ deviceId: number }>(
    `select d.device_id as "deviceId" from device d where d.fleet_id = $1 and exists (
       select 1 from fix f where f.device_id = d.device_id and ${WITHIN("f.fix_time")} and f.matched_way_id is not null)
     order by d.device_id`,
    [fleetId, fromMs, toMs],
  );
  return rows.map(({ deviceId }) => deviceId);
}

export type ObservedFix = { timeMs: number; latDeg: number; lonDeg: number; wayId: number; forward: boolean };

export async function readMatchedFixes(
  client: Client,
  deviceId: number,
  { fromMs, toMs }: ObservedTime,
): Promise<ObservedFix[]> {
  const { rows } = await client.query<ObservedFix>({
    name: "eta-matched-fixes",
    text: `select ${ms("f.fix_time")} as "timeMs", f.matched_lat_deg as "latDeg", f.matched_lon_deg as "lonDeg",
        f.matched_way_id::float8 as "wayId", f.matched_forward as forward
      from fix f where f.device_id = $1 and ${WITHIN("f.fix_time")} and f.valid and f.matched_way_id is not null
        and f.matched_forward is not null
      order by f.fix_time, f.fix_id`,
    values: [deviceId, fromMs, toMs],
  });
  return rows;
}

/** When the vehicles of a device stood at stops in the time. */
export async function readStandings(
  client: Client,
  deviceId: number,
  { fromMs, toMs }: ObservedTime,
): Promise<{ fromMs: number; toMs: number }[]> {
  const { rows } = await client.query<{ fromMs: number; toMs: number }>(
    `select distinct ${ms("s.arrived_at")} as "fromMs", ${ms("s.departed_at")} as "toMs"
     from vehicle_device b join route r on r.vehicle_id = b.vehicle_id join stop_state s on s.route_id = r.route_id
     where b.device_id = $1 and s.arrived_at < to_timestamp($3::float8 / 1000)
       and s.departed_at >= to_timestamp($2::float8 / 1000)
     order by 1`,
    [deviceId, fromMs, toMs],
  );
  return rows;
}
