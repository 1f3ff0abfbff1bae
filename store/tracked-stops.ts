import type { Database } from "./database.ts";
import type { PodDetails } from "./pods.ts";
import { unseal } from "./recipient-keys.ts";

/** One stop with all that a tracking page may have to say about it. Degrees are WGS 84. */
export type TrackedStop = {
  stopId: number;
  fleetId: number;
  /** Differs whenever anything of this row, or a privacy zone of the fleet, has changed. */
  version: string;
  kind: string;
  latDeg: number;
  lonDeg: number;
  address: string | null;
  timeZone: string;
  windowStart: Date | null;
  windowEnd: Date | null;
  promisedBy: Date | null;
  planStatus: "planned" | "removed";
  completedAt: Date | null;
  /** As observed by the stream; null before it has seen the stop on its route. */
  status: "planned" | "en_route" | "approaching" | "arrived" | "departed" | "missed" | "cancelled" | null;
  arrivedAt: Date | null;
  departedAt: Date | null;
  stopsBefore: number | null;
  toldP10: Date | null;
  toldP50: Date | null;
  toldP90: Date | null;
  toldAt: Date | null;
  etaBasis: "live" | "degraded" | "planned" | null;
  routePlanStatus: "planned" | "cancelled" | null;
  routeStatus: "planned" | "started" | "completed" | "cancelled" | null;
  routeStartedAt: Date | null;
  /** Encoded polyline of precision 5, from the vehicle through all stops that are left. */
  remainingPath: string | null;
  vehicleKind: string | null;
  vehicleName: string | null;
  fixTime: Date | null;
  receivedAt: Date | null;
  latRawDeg: number | null;
  lonRawDeg: number | null;
  latSmoothedDeg: number | null;
  lonSmoothedDeg: number | null;
  latMatchedDeg: number | null;
  lonMatchedDeg: number | null;
  headingDeg: number | null;
  driverGivenName: string | null;
  brandName: string | null;
  brandAppearance: unknown;
  brandSupport: unknown;
  brandVisibility: unknown;
  /** The newest proof of the attempt that counts. */
  pod: TrackedPod | null;
};

export type TrackedPod = {
  outcome: "delivered" | "failed";
  reason: string | null;
  /** When it happened: counted back from when it came in by the phone's own clock, so that a wrong clock does not matter. */
  at: Date;
  /** Null where there is no name, or it was erased. */
  recipientName: string | null;
  /** Artefacts that are there still. */
  photoIds: number[];
};

/** What `COMPLETED_AT` needs beside `stop s`. */
export const COMPLETION_JOINS = `left join route r on r.route_id = s.route_id
  left join route_state rs on rs.route_id = s.route_id
  left join stop_state p on p.stop_id = s.stop_id and p.route_id = s.route_id
  left join lateral current_pod(s) pod on true`;

/** When a stop was over: delivered or left, not to be expected any more, or missed by a route that is over. Null: it is still ahead. */
export const COMPLETED_AT = `coalesce(least(p.departed_at, pod.received_at),
  case when s.status = 'removed' then s.updated_at when r.status = 'cancelled' then r.updated_at
    when p.status in ('missed', 'cancelled') or rs.status = 'completed' then coalesce(rs.completed_at, rs.started_at)
  end)`;

/** The vehicle's position counts only while its device is in the vehicle. */
const JOINS = `from stop s join fleet f on f.fleet_id = s.fleet_id ${COMPLETION_JOINS}
  left join vehicle v on v.vehicle_id = r.vehicle_id
  left join vehicle_state vs on vs.vehicle_id = r.vehicle_id and exists (
    select from vehicle_device d
    where d.vehicle_id = vs.vehicle_id and d.device_id = vs.device_id and d.bound_to is null)
  left join driver on driver.driver_id = r.driver_id
  left join brand b on b.brand_id = coalesce(r.brand_id,
    (select d.brand_id from brand d where d.fleet_id = s.fleet_id and d.is_default))
  left join recipient_key k on k.stop_id = pod.stop_id
  left join geofence_revision g on g.fleet_id = s.fleet_id`;

const VERSION = `concat_ws(':', s.xmin, f.xmin, coalesce(r.xmin::text, '-'), coalesce(rs.xmin::text, '-'),
  coalesce(p.xmin::text, '-'), coalesce(v.xmin::text, '-'), coalesce(vs.xmin::text, '-'),
  coalesce(driver.xmin::text, '-'), coalesce(b.xmin::text, '-'), coalesce(g.xmin::text, '-'),
  pod.pod_id, pod.erased_at, k.destroyed_at)`;

type StopRow = Omit<TrackedStop, "pod"> & {
  podOutcome: TrackedPod["outcome"] | null;
  podReason: string | null;
  podAt: Date;
  podSealed: Buffer | null;
  recipientKey: Buffer | null;
  photoIds: number[] | null;
};

/** These stops as they are now; stops that are gone are left out. */
export async function readTrackedStops(database: Database, stopIds: readonly number[]): Promise<TrackedStop[]> {
  const { rows } = await database.pool.query<StopRow>({
    name: "read-tracked-stops",
    text: `select s.stop_id as "stopId", s.fleet_id as "fleetId", ${VERSION} as version, s.kind, s.lat_deg as "latDeg",
        s.lon_deg as "lonDeg", s.address, coalesce(s.time_zone, f.time_zone) as "timeZone",
        s.window_start as "windowStart", s.window_end as "windowEnd", s.promised_by as "promisedBy",
        s.status as "planStatus", ${COMPLETED_AT} as "completedAt", p.status, p.arrived_at as "arrivedAt",
        p.departed_at as "departedAt", p.stops_before as "stopsBefore", p.told_p10 as "toldP10", p.told_p50 as "toldP50",
        p.told_p90 as "toldP90", p.told_at as "toldAt", p.eta_basis as "etaBasis", r.status as "routePlanStatus",
        rs.status as "routeStatus", rs.started_at as "routeStartedAt", rs.remaining_path as "remainingPath",
        v.kind as "vehicleKind", v.name as "vehicleName", vs.fix_time as "fixTime", vs.received_at as "receivedAt",
        vs.lat_deg as "latRawDeg", vs.lon_deg as "lonRawDeg", vs.smoothed_lat_deg as "latSmoothedDeg",
        vs.smoothed_lon_deg as "lonSmoothedDeg", vs.matched_lat_deg as "latMatchedDeg",
        vs.matched_lon_deg as "lonMatchedDeg", coalesce(vs.smoothed_heading_deg, vs.heading_deg) as "headingDeg",
        driver.given_name as "driverGivenName", b.name as "brandName", b.appearance as "brandAppearance",
        b.support as "brandSupport", b.visibility as "brandVisibility", pod.outcome as "podOutcome",
        pod.reason as "podReason",
        least(pod.received_at, coalesce(pod.received_at - (pod.sent_at - pod.device_time), pod.device_time)) as "podAt",
        case when pod.erased_at is null then pod.sealed end as "podSealed", k.key as "recipientKey",
        (select array_agg(a.artefact_id order by a.artefact_id) from artefact a
          where a.pod_id = pod.pod_id and a.kind = 'photo' and a.sealed is not null) as "photoIds"
      ${JOINS} where s.stop_id = any($1::bigint[])`,
    values: [stopIds],
  });
  return rows.map(({ podOutcome, podReason, podAt, podSealed, recipientKey, photoIds, ...stop }) => {
    if (podOutcome === null) return { ...stop, pod: null };
    const recipientName = podSealed && recipientKey && recipientNameOf(podSealed, recipientKey);
    return {
      ...stop,
      pod: { outcome: podOutcome, reason: podReason, at: podAt, recipientName, photoIds: photoIds ?? [] },
    };
  });
}

function recipientNameOf(sealed: Buffer, key: Buffer): string | null {
  return (JSON.parse(unseal(key, sealed).toString("utf8")) as PodDetails).recipientName;
}

/** The versions of these stops: a cheap look whether anything has changed. */
export async function readStopVersions(
  database: Database,
  stopIds: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  const { rows } = await database.pool.query<{ stopId: number; version: string }>({
    name: "read-stop-versions",
    text: `select s.stop_id as "stopId", ${VERSION} as version ${JOINS} where s.stop_id = any($1::bigint[])`,
    values: [stopIds],
  });
  return new Map(rows.map(({ stopId, version }) => [stopId, version]));
}

/** A geofence inside of which nobody outside the fleet sees a vehicle. */
export type PrivacyZone = { fleetId: number; geometry: unknown; properties: { [name: string]: unknown } };

/** The privacy zones of these fleets: geofences with the property `privacy: true`, or of the kind `privacy`. */
export async function readPrivacyZones(database: Database, fleetIds: readonly number[]): Promise<PrivacyZone[]> {
  const { rows } = await database.pool.query<PrivacyZone>({
    name: "read-privacy-zones",
    text: `select fleet_id as "fleetId", geometry, properties from geofence_version
      where fleet_id = any($1::integer[]) and valid_to is null
        and (properties @> '{"privacy": true}' or properties @> '{"kind": "privacy"}')`,
    values: [fleetIds],
  });
  return rows;
}
