import type { Database } from "./database.ts";

/** What rows of the accuracy report are about. */
export const ETA_GROUPS = ["none", "horizon", "basis", "day", "area"] as const;
export type EtaGroup = (typeof ETA_GROUPS)[number];

/** The ETAs of one route in one group, added up. */
export type EtaRouteSums = {
  /** Horizon band, basis, day of arrival in the fleet's time zone, or area; empty for `none`. */
  group: string;
  routeId: string;
  etas: number;
  stops: number;
  byP90: number;
  withinP10P90: number;
  byP50: number;
  errorS: number;

  absErrorS: number;
};

export type EtaReportQuery = {
  /** Null: all fleets. */
  fleetId: number | null;
  /** Days of arrival by the fleet's calendar, both included. */
  from: string;
  to: string;
  group: EtaGroup;
  /** Upper ends of the horizon bands but the last, seconds, and all their names. */
  bandEndsS: readonly number[];
  bandNames: readonly string[];
};

const GROUP_OF: Record<EtaGroup, string> = {
  none: `''`,
  horizon: `($5::text[])[width_bucket(extract(epoch from e.p50 - e.computed_at)::float8, $4::float8[]) + 1]`,
  basis: "e.basis",
  day: `to_char(e.arrived_at at time zone f.time_zone, 'YYYY-MM-DD')`,
  area: "eta_area(s.lat_deg, s.lon_deg)::text",
};

/** Scores of issued ETAs whose stops were reached, by route: the same rows give the same sums. */
export async function readEtaSums(database: Database, query: EtaReportQuery): Promise<EtaRouteSums[]> {
  const error = "extract(epoch from e.arrived_at - e.p50)::float8";
  const { rows } = await database.pool.query<EtaRouteSums>({
    name: `eta-report-${query.group}`,
    text: `select ${GROUP_OF[query.group]} as "group", e.route_id::text as "routeId", count(*)::integer as etas,
        count(distinct e.stop_id)::integer as stops,
        count(*) filter (where e.arrived_at <= e.p90)::integer as "byP90",
        count(*) filter (where e.arrived_at between e.p10 and e.p90)::integer as "withinP10P90",
        count(*) filter (where e.arrived_at <= e.p50)::integer as "byP50",
        sum(${error} order by e.eta_id) as "errorS",
        sum(abs(${error}) order by e.eta_id) as "absErrorS"
      from eta_scored e join stop s using (stop_id) join fleet f on f.fleet_id = e.fleet_id
      where ($1::integer is null or e.fleet_id = $1)
        and (e.arrived_at at time zone f.time_zone)::date between $2::date and $3::date
        and ($4::float8[] is not null and $5::text[] is not null)
      group by 1, e.route_id order by 1, e.route_id`,
    values: [query.fleetId, query.from, query.to, query.bandEndsS, query.bandNames],
  });
  return rows;
}
