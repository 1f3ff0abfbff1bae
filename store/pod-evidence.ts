import type { ClientBase } from "pg";

/** Everything that a POD is held against, as rows. Times are Unix milliseconds, ids digits. */

const ms = (column: string): string => `floor(extract(epoch from ${column}) * 1000)::float8`;

export type PodRow = {
  podId: string;
  fleetId: number;
  stopId: string;
  routeId: string | null;
  routeVersion: number | null;
  vehicleId: number | null;
  driverId: number | null;
  outcome: "delivered" | "failed";
  reason: string | null;
  deviceTimeMs: number;
  sentAtMs: number | null;
  receivedAtMs: number;
  latDeg: number | null;
  lonDeg: number | null;
  accuracyM: number | null;
  positionTimeMs: number | null;
  mock: boolean;
  missing: string[];
  pinConfirmed: boolean | null;
  /** Hex, of the sealed details. */
  sealedSha256: string;
  stopLatDeg: number;
  stopLonDeg: number;
  geofenceId: number | null;
  policy: unknown;
  routePolicy: unknown;
  routeStartedAtMs: number | null;
};

export async function readPodRow(client: ClientBase, podId: string): Promise<PodRow | undefined> {
  const { rows } = await client.query<PodRow>({
    name: "judge-pod",
    text: `select p.pod_id::text as "podId", p.fleet_id as "fleetId", p.stop_id::text as "stopId",
        p.route_id::text as "routeId", p.route_version as "routeVersion", p.vehicle_id as "vehicleId",
        p.driver_id as "driverId", p.outcome, p.reason, ${ms("p.device_time")} as "deviceTimeMs",
        ${ms("p.sent_at")} as "sentAtMs", ${ms("p.received_at")} as "receivedAtMs", p.lat_deg as "latDeg",
        p.lon_deg as "lonDeg", p.accuracy_m as "accuracyM", ${ms("p.position_time")} as "positionTimeMs", p.mock,
        p.missing, p.pin_confirmed as "pinConfirmed", encode(sha256(p.sealed), 'hex') as "sealedSha256",
        s.lat_deg as "stopLatDeg", s.lon_deg as "stopLonDeg", s.geofence_id as "geofenceId", s.policy,
        r.policy as "routePolicy", ${ms("rs.started_at")} as "routeStartedAtMs"
      from pod p join stop s on s.stop_id = p.stop_id left join route r on r.route_id = p.route_id
      left join route_state rs on rs.route_id = p.route_id where p.pod_id = $1`,
    values: [podId],
  });
  return rows[0];
}

export type SourceRow = { deviceId: number; protocol: string | null; priority: number; throughMs: number | null };

/** The devices that were in a vehicle between two times. */
export async function readSources(
  client: ClientBase,
  vehicleId: number,
  fromMs: number,
  toMs: number,
): Promise<SourceRow[]> {
  const { rows } = await client.query<SourceRow>({
    name: "judge-sources",
    text: `select distinct on (b.device_id) b.device_id as "deviceId", coalesce(s.protocol, d.protocol) as protocol,
        b.priority, ${ms("s.fix_time")} as "throughMs"
      from vehicle_device b join device d on d.device_id = b.device_id
      left join device_state s on s.device_id = b.device_id
      where b.vehicle_id = $1 and b.bound_from <= $3 and (b.bound_to is null or b.bound_to >= $2)
      order by b.device_id, b.priority`,
    values: [vehicleId, new Date(fromMs), new Date(toMs)],
  });
  return rows;
}

export type EvidenceFix = {
  deviceId: number;
  fixId: string;
  timeMs: number;
  receivedAtMs: number;
  latDeg: number;
  lonDeg: number;
  speedMps: number | null;
  hdop: number | null;
  accuracyM: number | null;
  clockFault: string | null;
  matchedLatDeg: number | null;
  matchedLonDeg: number | null;
  matchedWayId: string | null;
  matchedConfidence: number | null;
  attributes: { readonly [name: string]: unknown };
};

const FIXES_MAX = 20_000;

/** Positions of devices between two times, late ones too, in the order of their times. */
export async function readEvidenceFixes(
  client: ClientBase,
  deviceIds: readonly number[],
  fromMs: number,
  toMs: number,
): Promise<EvidenceFix[]> {
  const { rows } = await client.query<EvidenceFix>({
    name: "judge-fixes",
    text: `select device_id as "deviceId", fix_id::text as "fixId", ${ms("fix_time")} as "timeMs",
        ${ms("received_at")} as "receivedAtMs", lat_deg as "latDeg", lon_deg as "lonDeg", speed_mps as "speedMps", hdop,
        accuracy_m as "accuracyM", clock_fault as "clockFault", matched_lat_deg as "matchedLatDeg",
        matched_lon_deg as "matchedLonDeg", matched_way_id::text as "matchedWayId",
        matched_confidence as "matchedConfidence", attributes
      from fix where device_id = any($1::integer[]) and fix_time between $2 and $3 and valid
        and lat_deg is not null and lon_deg is not null
      order by fix_time, fix_id limit ${FIXES_MAX}`,
    values: [deviceIds, new Date(fromMs), new Date(toMs)],
  });
  return rows;
}

export type TemperatureRow = { deviceId: number; fixId: string; timeMs: number; attributes: EvidenceFix["attributes"] };

/** What probes said between two times. */
export async function readTemperatureRows(
  client: Pick<ClientBase, "query">,
  deviceIds: readonly number[],
  probes: readonly string[],
  fromMs: number,
  toMs: number,
): Promise<TemperatureRow[]> {
  const { rows } = await client.query<TemperatureRow>({
    name: "judge-temperatures",
    text: `select device_id as "deviceId", fix_id::text as "fixId", ${ms("fix_time")} as "timeMs", attributes
      from fix where device_id = any($1::integer[]) and fix_time between $3 and $4 and attributes ?| $2::text[]
        and (clock_fault is null or clock_fault = 'rollover')
      order by fix_time, fix_id limit ${FIXES_MAX}`,
    values: [deviceIds, probes, new Date(fromMs), new Date(toMs)],
  });
  return rows;
}

export type OtherStopRow = { stopId: string; latDeg: number; lonDeg: number; geofenceId: number | null };

export async function readOtherStops(client: ClientBase, routeId: string, stopId: string): Promise<OtherStopRow[]> {
  const { rows } = await client.query<OtherStopRow>({
    name: "judge-stops",
    text: `select stop_id::text as "stopId", lat_deg as "latDeg", lon_deg as "lonDeg", geofence_id as "geofenceId"
      from stop where route_id = $1 and stop_id <> $2 and status = 'planned' order by position, stop_id`,
    values: [routeId, stopId],
  });
  return rows;
}

export type CrossingRow = {
  eventId: string;
  deviceId: number;
  geofenceId: number;
  type: "geofence.entered" | "geofence.exited";
  timeMs: number;
};

/** Arrivals and departures that count: what later data took back, and what took it back, is left out. */
export async function readCrossings(
  client: ClientBase,
  deviceIds: readonly number[],
  geofenceIds: readonly number[],
  fromMs: number,
  toMs: number,
): Promise<CrossingRow[]> {
  const { rows } = await client.query<CrossingRow>({
    name: "judge-crossings",
    text: `select e.event_id as "eventId", e.device_id as "deviceId", (e.data ->> 'geofenceId')::integer as "geofenceId",
        e.type, ${ms("e.occurred_at")} as "timeMs"
      from event e where e.device_id = any($1::integer[]) and e.occurred_at between $3 and $4
        and e.type in ('geofence.entered', 'geofence.exited')
        and (e.data ->> 'geofenceId')::integer = any($2::integer[])
        and coalesce((e.data ->> 'withdrawn')::boolean, false) = false
        and not exists (
          select from event later where later.supersedes = e.event_id and later.device_id = e.device_id
            and later.occurred_at between $3 and $4
        )
      order by e.occurred_at, e.event_id`,
    values: [deviceIds, geofenceIds, new Date(fromMs), new Date(toMs)],
  });
  return rows;
}

export type ArtefactUseRow = {
  artefactId: string;
  kind: "photo" | "signature";
  sha256: string;
  sealedSha256: string;
  usedBefore: { podId: string; stopId: string; latDeg: number; lonDeg: number; receivedAtMs: number }[];
};

/** The POD's artefacts, each with the PODs of other stops that had the same bytes before. */
export async function readArtefactUses(client: ClientBase, podId: string): Promise<ArtefactUseRow[]> {
  const { rows } = await client.query<ArtefactUseRow>({
    name: "judge-artefacts",
    text: `select a.artefact_id::text as "artefactId", a.kind, encode(a.sha256, 'hex') as sha256,
        encode(a.sealed_sha256, 'hex') as "sealedSha256", coalesce((
          select json_agg(json_build_object('podId', u.pod_id::text, 'stopId', u.stop_id::text, 'latDeg', s.lat_deg,
            'lonDeg', s.lon_deg, 'receivedAtMs', ${ms("p.received_at")}) order by u.artefact_id)
          from artefact u join pod p on p.pod_id = u.pod_id join stop s on s.stop_id = u.stop_id
          where u.fleet_id = a.fleet_id and u.sha256 = a.sha256 and u.stop_id <> a.stop_id and u.pod_id < a.pod_id
        ), '[]') as "usedBefore"
      from artefact a where a.pod_id = $1 order by a.artefact_id`,
    values: [podId],
  });
  return rows;
}

export type OtherPodRow = {
  podId: string;
  stopId: string;
  latDeg: number;
  lonDeg: number;
  deviceTimeMs: number;
  sentAtMs: number | null;
  receivedAtMs: number;
};

const OTHER_PODS_MAX = 500;

/** PODs of other stops by the same vehicle or driver, within half a day. */
export async function readOtherPods(client: ClientBase, podId: string): Promise<OtherPodRow[]> {
  const { rows } = await client.query<OtherPodRow>({
    name: "judge-other-pods",
    text: `select o.pod_id::text as "podId", o.stop_id::text as "stopId", s.lat_deg as "latDeg", s.lon_deg as "lonDeg",
        ${ms("o.device_time")} as "deviceTimeMs", ${ms("o.sent_at")} as "sentAtMs",
        ${ms("o.received_at")} as "receivedAtMs"
      from pod p join pod o on o.fleet_id = p.fleet_id and o.stop_id <> p.stop_id
        and (o.vehicle_id = p.vehicle_id or o.driver_id = p.driver_id)
        and o.received_at between p.received_at - interval '12 hours' and p.received_at + interval '12 hours'
      join stop s on s.stop_id = o.stop_id
      where p.pod_id = $1
      order by abs(extract(epoch from o.received_at - p.received_at)), o.pod_id limit ${OTHER_PODS_MAX}`,
    values: [podId],
  });
  return rows;
}

/** SHA-256 of the raw frames at these journal positions, in hex; those past their retention are not there. */
export async function readFrameHashes(client: ClientBase, seqs: readonly number[]): Promise<Map<number, string>> {
  const { rows } = await client.query<{ seq: number; sha256: string }>({
    name: "judge-frames",
    text: `select seq::float8 as seq, encode(sha256(bytes), 'hex') as sha256 from frames_at($1::bigint[])
      order by seq`,
    values: [seqs],
  });
  return new Map(rows.map(({ seq, sha256 }) => [seq, sha256]));
}
