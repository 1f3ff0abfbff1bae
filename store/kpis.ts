import type { Database } from "./database.ts";

/** What the figures are split by; `none`: one row for all. */
export const KPI_GROUPS = ["none", "day", "driver", "vehicle", "route"] as const;
export type KpiGroup = (typeof KPI_GROUPS)[number];

/** Counts of the view `stop_outcome` (0015); every rate is a quotient of two of them. */
export type KpiRow = {
  /** The day (`2026-11-22`) or the id of what the row is about; null for all, and for stops without a driver or vehicle. */
  group: string | null;
  stops: number;
  withWindow: number;
  onTime: number;
  withPromise: number;
  promiseKept: number;
  attempted: number;
  firstAttempt: number;
  served: number;
  /** Days on which a driver served a stop, over all drivers: the divisor of stops per driver and day. */
  driverDays: number;
  servedByDrivers: number;
  withLink: number;
  linkViews: number;
};

const GROUP_COLUMNS: Readonly<Record<KpiGroup, string>> = {
  none: "null::text",
  day: "o.day::text",
  driver: "o.driver_id::text",
  vehicle: "o.vehicle_id::text",
  route: "o.route_id::text",
};

/** Key figures of the stops of the days `from` to `to`, both included, by the calendar of the fleet's time zone. */
export async function readKpis(
  database: Database,
  { fleetId, from, to, group }: { fleetId: number | null; from: string; to: string; group: KpiGroup },
): Promise<KpiRow[]> {
  const { rows } = await database.pool.query<KpiRow>(
    `select ${GROUP_COLUMNS[group]} as "group",
       count(*)::int as stops,
       count(o.on_time)::int as "withWindow", count(*) filter (where o.on_time)::int as "onTime",
       count(o.promise_kept)::int as "withPromise", count(*) filter (where o.promise_kept)::int as "promiseKept",
       count(o.first_attempt)::int as attempted, count(*) filter (where o.first_attempt)::int as "firstAttempt",
       count(*) filter (where o.served)::int as served,
       count(distinct (o.driver_id, o.day)) filter (where o.served and o.driver_id is not null)::int as "driverDays",
       count(*) filter (where o.served and o.driver_id is not null)::int as "servedByDrivers",
       count(o.link_views)::int as "withLink", coalesce(sum(o.link_views), 0)::int as "linkViews"
     from stop_outcome o
     where ($1::int is null or o.fleet_id = $1) and o.day between $2::date and $3::date
     group by 1 order by 1 nulls last`,
    [fleetId, from, to],
  );
  return rows;
}
