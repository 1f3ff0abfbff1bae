import type { Client } from "pg";
import type { Tracked } from "./measured.ts";

/** What the fold of routes reads. SI units, WGS 84 degrees, Unix milliseconds; ids of routes and stops are text. */

const DELIVERY_FOLD_LOCK = 7_411_820_006;

/** One process at a time folds routes, for as long as this session lives; false while another does. */
export async function claimDeliveryFold(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ claimed: boolean }>("select pg_try_advisory_lock($1) as claimed", [
    DELIVERY_FOLD_LOCK,
  ]);
  return rows[0]!.claimed;
}

/** A route that is to be folded. `version`: of its newest plan. */
export type OpenRoute = { routeId: string; fleetId: number; version: number };

export type OpenRouteSearch = {
  nowMs: number;
  /** So long before its start a route is taken up, and so long after its completion late data may still change it. */
  aheadMs: number;
  retiredMs: number;
  /** A route that nobody has touched, and that was to begin, longer ago is history. */
  forgottenMs: number;
  limit: number;
};

/** Routes that are planned for now, under way or just over, and those with a plan that was not folded yet. */
export async function readOpenRoutes(client: Client, search: OpenRouteSearch): Promise<OpenRoute[]> {
  const { nowMs, aheadMs, retiredMs, forgottenMs, limit } = search;
  const { rows } = await client.query<OpenRoute>({
    name: "delivery-open-routes",
    text: `select r.route_id::text as "routeId", r.fleet_id as "fleetId", r.version
      from route r left join route_state s using (route_id)
      where greatest(r.starts_at, r.updated_at) > $3
        and (s.status in ('planned', 'started') or s.completed_at > $2 or s.version < r.version
          or s.route_id is null and r.status = 'planned' and coalesce(r.starts_at,
            (select min(w.window_start) from stop w where w.route_id = r.route_id and w.position is not null),
            r.created_at) <= $1)
      order by r.route_id limit $4`,
    values: [new Date(nowMs + aheadMs), new Date(nowMs - retiredMs), new Date(nowMs - forgottenMs), limit],
  });
  return rows;
}

export type PlanVersionRow = {
  routeId: string;
  version: number;
  effectiveAtMs: number;
  /** Its place in the journal; null before it was taken up. */
  fromSeq: number | null;
  plan: unknown;
};

/** The plans of a route from `version` on, in their order. */
export async function readPlanVersions(
  client: Client,
  after: readonly { routeId: string; version: number }[],
): Promise<PlanVersionRow[]> {
  const { rows } = await client.query<PlanVersionRow>({
    name: "delivery-plans",
    text: `select v.route_id::text as "routeId", v.version, ${ms("v.effective_at")} as "effectiveAtMs",
        v.from_seq::float8 as "fromSeq", v.plan
      from unnest($1::bigint[], $2::integer[]) as a (route_id, version)
      join route_version v on v.route_id = a.route_id and v.version >= a.version
      order by v.route_id, v.version`,
    values: [after.map(({ routeId }) => routeId), after.map(({ version }) => version)],
  });
  return rows;
}

export type RouteStateRow = { routeId: string; fold: unknown };

export async function readRouteStates(client: Client, routeIds: readonly string[]): Promise<RouteStateRow[]> {
  const { rows } = await client.query<RouteStateRow>({
    name: "delivery-states",
    text: `select route_id::text as "routeId", fold from route_state where route_id = any($1::bigint[])`,
    values: [routeIds],
  });
  return rows;
}

export type RouteTick = { routeId: string; fromSeq: number; atMs: number };

export async function readRouteTicks(client: Client, routeIds: readonly string[]): Promise<RouteTick[]> {
  const { rows } = await client.query<RouteTick>({
    name: "delivery-ticks",
    text: `select route_id::text as "routeId", from_seq::float8 as "fromSeq", ${ms("at")} as "atMs" from route_tick
      where route_id = any($1::bigint[]) order by route_id, from_seq, at`,
    values: [routeIds],
  });
  return rows;
}

/** Until when ETAs of these routes have been recorded, Unix milliseconds; routes without any are left out. */
export async function readIssuedUntil(client: Client, routeIds: readonly string[]): Promise<Map<string, number>> {
  if (routeIds.length === 0) return new Map();
  const { rows } = await client.query<{ routeId: string; untilMs: number }>({
    name: "delivery-issued-until",
    text: `select e.route_id::text as "routeId", ${ms("max(e.computed_at)")} as "untilMs"
      from stop s join eta e on e.stop_id = s.stop_id and e.route_id = s.route_id
      where s.route_id = any($1::bigint[]) group by e.route_id`,
    values: [routeIds],
  });
  return new Map(rows.map(({ routeId, untilMs }) => [routeId, untilMs]));
}

export type BindingRow = {
  vehicleId: number;
  deviceId: number;
  priority: number;
  boundFromMs: number;
  boundToMs: number | null;
};

/** The devices that are in these vehicles, or were since `sinceMs`. */
export async function readVehicleBindings(
  client: Client,
  vehicleIds: readonly number[],
  sinceMs: number,
): Promise<BindingRow[]> {
  const { rows } = await client.query<BindingRow>({
    name: "delivery-bindings",
    text: `select vehicle_id as "vehicleId", device_id as "deviceId", priority, ${ms("bound_from")} as "boundFromMs",
        ${ms("bound_to")} as "boundToMs"
      from vehicle_device where vehicle_id = any($1::integer[]) and (bound_to is null or bound_to > $2)
      order by binding_id`,
    values: [vehicleIds, new Date(sinceMs)],
  });
  return rows;
}

/** The newest frame of each device that is folded; devices that have sent nothing are left out. */
export async function readLastSeqs(client: Client, deviceIds: readonly number[]): Promise<Map<number, number>> {
  const { rows } = await client.query<{ deviceId: number; lastSeq: number }>({
    name: "delivery-last-seqs",
    text: `select device_id as "deviceId", last_seq::float8 as "lastSeq" from device_state
      where device_id = any($1::integer[])`,
    values: [deviceIds],
  });
  return new Map(rows.map(({ deviceId, lastSeq }) => [deviceId, lastSeq]));
}

export type FoldHorizon = {
  /** For each partition the first position that is not folded into fixes and events yet. */
  below: ReadonlyMap<number, number>;
  /** The highest of them. */
  newest: number;
  /** When the oldest frame that is not folded was received; null: all are folded. */
  waitingSinceMs: ReadonlyMap<number, number>;
};

/** Everything below is final, and so is its order: positions are given in the order of commits. */
export async function readFoldHorizon(client: Client): Promise<FoldHorizon> {
  const { rows } = await client.query<{ partition: number; below: number; sinceMs: number | null }>({
    name: "delivery-horizon",
    text: `with newest as (
        select greatest((select max(last_seq) from frame_batch), (select max(seq) from stream_cursor)) + 1 as seq
      )
      select c.partition, coalesce(unfolded.seq, newest.seq)::float8 as below, ${ms("unfolded.received_at")} as "sinceMs"
      from stream_cursor c cross join newest left join unfolded_frame unfolded using (partition)`,
  });
  const waiting = rows.filter((row): row is typeof row & { sinceMs: number } => row.sinceMs !== null);
  return {
    below: new Map(rows.map(({ partition, below }) => [partition, below])),
    newest: Math.max(0, ...rows.map(({ below }) => below)),
    waitingSinceMs: new Map(waiting.map(({ partition, sinceMs }) => [partition, sinceMs])),
  };
}

/** Where the journal stood at each of these times: the first position received then or later. */
export async function readSeqsAt(client: Client, timesMs: readonly number[]): Promise<number[]> {
  if (timesMs.length === 0) return [];
  const { rows } = await client.query<{ seq: number }>({
    name: "delivery-seqs-at",
    text: `select frame_seq_at(to_timestamp(t.ms / 1000))::float8 as seq
      from unnest($1::float8[]) with ordinality as t (ms, place) order by t.place`,
    values: [timesMs],
  });
  return rows.map(({ seq }) => seq);
}

/** Frames of a device from `fromSeq` to below `untilSeq`; fixes not before `sinceMs` by their own time. */
export type FrameRange = { deviceId: number; fromSeq: number; untilSeq: number; sinceMs: number };

export type RouteFixRow = Tracked & {
  /** Which of the ranges it is in. */
  range: number;
  deviceId: number;
  fixId: number;
  fixTimeMs: number;
  receivedAtMs: number;
  latDeg: number;
  lonDeg: number;
  speedMps: number | null;
  headingDeg: number | null;
  accuracyM: number | null;
  hdop: number | null;
};

type FlatFix = Omit<RouteFixRow, "smoothed" | "matched"> & {
  sLat: number | null;
  sLon: number | null;
  sSpeed: number;
  sHeading: number | null;
  sSigma: number;
  mLat: number | null;
  mLon: number | null;
  wayId: number;
  forward: boolean;
  confidence: number;
};

/** Positions that were not late, each range in the order of ids, at most `limitEach` of each. */
export async function readRouteFixes(
  client: Client,
  ranges: readonly FrameRange[],
  limitEach: number,
): Promise<RouteFixRow[]> {
  const { rows } = await client.query<FlatFix>({
    name: "delivery-fixes",
    text: `select (r.place - 1)::integer as range, f.* from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::float8[])
        with ordinality as r (device_id, from_seq, until_seq, since_ms, place)
      cross join lateral (
        select f.device_id as "deviceId", f.fix_id as "fixId", ${ms("f.fix_time")} as "fixTimeMs",
          ${ms("f.received_at")} as "receivedAtMs", f.lat_deg as "latDeg", f.lon_deg as "lonDeg",
          f.speed_mps as "speedMps", f.heading_deg as "headingDeg", f.accuracy_m as "accuracyM", f.hdop,
          f.smoothed_lat_deg as "sLat", f.smoothed_lon_deg as "sLon", f.smoothed_speed_mps as "sSpeed",
          f.smoothed_heading_deg as "sHeading", f.smoothed_sigma_m as "sSigma", f.matched_lat_deg as "mLat",
          f.matched_lon_deg as "mLon", f.matched_way_id as "wayId", f.matched_forward as forward,
          f.matched_confidence as confidence
        from fix f
        where f.device_id = r.device_id and f.fix_time >= to_timestamp(r.since_ms / 1000)
          and f.fix_id >= r.from_seq * 1024 and f.fix_id < r.until_seq * 1024
          and f.valid and not f.late and f.lat_deg is not null and f.lon_deg is not null
        order by f.fix_id limit $5
      ) f order by r.place, f."fixId"`,
    values: [...rangeValues(ranges), ranges.map(({ sinceMs }) => sinceMs), limitEach],
  });
  return rows.map(fixOf);
}

function fixOf({ sLat, sLon, sSpeed, sHeading, sSigma, mLat, mLon, wayId, forward, confidence, ...fix }: FlatFix) {
  const isSmoothed = sLat !== null && sLon !== null;
  const isMatched = mLat !== null && mLon !== null;
  return {
    ...{ ...fix, fixId: Number(fix.fixId) },
    smoothed: isSmoothed
      ? { latDeg: sLat, lonDeg: sLon, speedMps: sSpeed, headingDeg: sHeading, sigmaM: sSigma }
      : null,
    matched: isMatched ? { latDeg: mLat, lonDeg: mLon, wayId: Number(wayId), forward, confidence } : null,
  };
}

export type CrossingRow = {
  range: number;
  eventId: string;
  deviceId: number;
  type: "entered" | "exited";
  geofenceId: number;
  atMs: number;
  receivedAtMs: number;
  replayed: boolean;
  supersedes: string | null;
  withdrawn: boolean;
  seq: number;
};

const CROSSING_COLUMNS = `e.event_id as "eventId", e.device_id as "deviceId", split_part(e.type, '.', 2) as type,
  (e.data ->> 'geofenceId')::integer as "geofenceId", ${ms("e.occurred_at")} as "atMs",
  ${ms("e.detected_at")} as "receivedAtMs", e.replayed, e.supersedes,
  coalesce((e.data ->> 'withdrawn')::boolean, false) as withdrawn, e.frame_seq::float8 as seq`;
const IS_CROSSING = "e.type in ('geofence.entered', 'geofence.exited')";

/** Crossings of geofences that these frames revealed, each range in the order of the journal. */
export async function readRouteCrossings(
  client: Client,
  ranges: readonly FrameRange[],
  limitEach: number,
): Promise<CrossingRow[]> {
  const { rows } = await client.query<CrossingRow>({
    name: "delivery-crossings",
    text: `select (r.place - 1)::integer as range, e.* from unnest($1::integer[], $2::bigint[], $3::bigint[])
        with ordinality as r (device_id, from_seq, until_seq, place)
      cross join lateral (
        select ${CROSSING_COLUMNS} from event e
        where e.device_id = r.device_id and e.frame_seq >= r.from_seq and e.frame_seq < r.until_seq and ${IS_CROSSING}
        order by e.frame_seq limit $4
      ) e order by r.place, e.seq`,
    values: [...rangeValues(ranges), limitEach],
  });
  return rows;
}

/** For each of these geofences where the device stood before `untilSeq`: its newest crossing, if there is one. */
export async function readCrossingsBefore(
  client: Client,
  ranges: readonly FrameRange[],
  geofenceIds: readonly number[],
): Promise<CrossingRow[]> {
  const { rows } = await client.query<CrossingRow>({
    name: "delivery-crossings-before",
    text: `select distinct on (e."deviceId", e."geofenceId") (r.place - 1)::integer as range, e.*
      from unnest($1::integer[], $2::bigint[]) with ordinality as r (device_id, until_seq, place)
      cross join lateral (
        select ${CROSSING_COLUMNS} from event e
        where e.device_id = r.device_id and e.frame_seq < r.until_seq and ${IS_CROSSING}
          and (e.data ->> 'geofenceId')::integer = any($3::integer[])
          and not exists (select from event s where s.device_id = e.device_id and s.supersedes = e.event_id
            and s.frame_seq < r.until_seq and s.type in ('geofence.entered', 'geofence.exited'))
      ) e order by e."deviceId", e."geofenceId", e."atMs" desc`,
    values: [ranges.map(({ deviceId }) => deviceId), ranges.map(({ untilSeq }) => untilSeq), geofenceIds],
  });
  return rows;
}

function rangeValues(ranges: readonly FrameRange[]): unknown[] {
  return [
    ranges.map(({ deviceId }) => deviceId),
    ranges.map(({ fromSeq }) => fromSeq),
    ranges.map(({ untilSeq }) => untilSeq),
  ];
}

function ms(column: string): string {
  return `floor(extract(epoch from ${column}) * 1000)::float8`;
}
