import type { Database } from "./database.ts";
import type { TemperatureRow } from "./pod-evidence.ts";
import type { PodDetails } from "./pods.ts";
import { unseal } from "./recipient-keys.ts";

export const DELIVERIES_MAX = 50_000;

export type DeliveryRow = {
  podId: string;
  fleetId: number;
  stopId: string;
  stopExternalId: string | null;
  routeId: string | null;
  vehicleId: number | null;
  driverId: number | null;
  outcome: string;
  reason: string | null;
  deviceTime: Date;
  receivedAt: Date;
  missing: string[];
  verdict: string | null;
  override: string | null;
  /** within, excursion or unknown; null without limits. */
  temperature: string | null;
  /** Null: erased. */
  details: PodDetails | null;
};

/** PODs received on a day (null: today) of their fleet's time zone. */
export async function readDeliveries(
  { pool }: Database,
  fleetId: number | null,
  day: string | null,
  nowMs: number,
): Promise<DeliveryRow[]> {
  const { rows } = await pool.query<Omit<DeliveryRow, "details"> & { sealed: Buffer; key: Buffer | null }>(
    `select p.pod_id::text as "podId", p.fleet_id as "fleetId", p.stop_id::text as "stopId",
      s.external_id as "stopExternalId", p.route_id::text as "routeId", p.vehicle_id as "vehicleId",
      p.driver_id as "driverId", p.outcome, p.reason, p.device_time as "deviceTime", p.received_at as "receivedAt",
      p.missing, v.verdict, o.verdict as override, v.temperature ->> 'result' as temperature, p.sealed, k.key
    from fleet f
    cross join lateral (select coalesce($2::date, ($3::timestamptz at time zone f.time_zone)::date) as day) d
    join pod p on p.fleet_id = f.fleet_id and p.received_at >= (d.day::timestamp at time zone f.time_zone)
      and p.received_at < ((d.day + 1)::timestamp at time zone f.time_zone)
    join stop s on s.stop_id = p.stop_id
    left join recipient_key k on k.stop_id = p.stop_id
    left join lateral (select * from pod_verdict v where v.pod_id = p.pod_id order by version desc limit 1) v on true
    left join lateral (select * from pod_override o where o.pod_id = p.pod_id order by override_id desc limit 1) o on true
    where $1::integer is null or f.fleet_id = $1
    order by p.pod_id limit ${DELIVERIES_MAX}`,
    [fleetId, day, new Date(nowMs)],
  );
  return rows.map(({ sealed, key, ...row }) => ({
    ...row,
    details: key === null ? null : (JSON.parse(unseal(key, sealed).toString()) as PodDetails),
  }));
}

/** From when to when a stop's load is looked at, in whose vehicle, and by which policies. */
export type TemperatureSpanRow = {
  vehicleId: number | null;
  from: Date;
  to: Date;
  policy: unknown;
  routePolicy: unknown;
};

/** From the start of the route, or half a day before, to the proof, the departure, or now. */
export async function findTemperatureSpan(
  { pool }: Database,
  fleetId: number | null,
  stopId: string,
  nowMs: number,
): Promise<TemperatureSpanRow | undefined> {
  const { rows } = await pool.query<TemperatureSpanRow>(
    `select coalesce(p.vehicle_id, r.vehicle_id) as "vehicleId", t.to_time as "to",
      greatest(least(coalesce(rs.started_at, '-infinity'), t.to_time), t.to_time - interval '12 hours') as "from",
      s.policy, r.policy as "routePolicy"
    from stop s left join route r on r.route_id = s.route_id
    left join route_state rs on rs.route_id = s.route_id left join stop_state ss on ss.stop_id = s.stop_id
    left join lateral (select * from pod p where p.stop_id = s.stop_id order by pod_id desc limit 1) p on true
    cross join lateral (
      select coalesce(least(p.device_time, p.received_at), ss.departed_at, $3::timestamptz) as to_time
    ) t
    where s.stop_id = $2 and ($1::integer is null or s.fleet_id = $1)`,
    [fleetId, stopId, new Date(nowMs)],
  );
  return rows[0];
}

const SAMPLES_MAX = 100_000;

export async function readTemperatureRecord(
  { pool }: Database,
  { vehicleId, from, to }: TemperatureSpanRow,
  probes: readonly string[],
): Promise<(TemperatureRow & { deviceUid: string })[]> {
  const { rows } = await pool.query<TemperatureRow & { deviceUid: string }>(
    `select f.device_id as "deviceId", d.uid as "deviceUid", f.fix_id::text as "fixId",
      floor(extract(epoch from f.fix_time) * 1000)::float8 as "timeMs", f.attributes
    from vehicle_device b join device d on d.device_id = b.device_id
    join fix f on f.device_id = b.device_id and f.fix_time between $2 and $3 and f.fix_time >= b.bound_from
      and (b.bound_to is null or f.fix_time < b.bound_to)
    where b.vehicle_id = $1 and f.attributes ?| $4::text[]
      and (f.clock_fault is null or f.clock_fault = 'rollover')
    order by f.fix_time, f.fix_id limit ${SAMPLES_MAX}`,
    [vehicleId, from, to, probes],
  );
  return rows;
}
