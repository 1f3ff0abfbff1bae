import type { Client } from "pg";
import type { Tracked } from "./measured.ts";
import { selectTracked, TRACK_COLUMNS } from "./track-columns.ts";

/** What the fold of vehicles reads and writes. SI units, WGS 84 degrees, Unix milliseconds. */

const VEHICLE_FOLD_LOCK = 7_411_820_005;

/** A device that is bound to a vehicle now. */
export type VehicleSource = {
  deviceId: number;
  priority: number;
  boundFromMs: number;
  /** The newest valid fix of the device, by `device_state`; null before its first. */
  newestFixId: number | null;
  newestMs: number | null;
};

export type ChangedVehicle = {
  vehicleId: number;
  /** Names the bindings and revisions of the journal's fold that a state rests on. */
  basis: string;
  sources: VehicleSource[];
  /** The fold as it was stored; null where there is none, or one on another basis. */
  fold: unknown;
};

export type SourceFixRow = Tracked & {
  deviceId: number;
  fixId: number;
  fixTimeMs: number;
  receivedAtMs: number;
  protocol: string;
  latDeg: number;
  lonDeg: number;
  altitudeM: number | null;
  speedMps: number | null;
  headingDeg: number | null;
  satellites: number | null;
  hdop: number | null;
  accuracyM: number | null;
  event: string | null;
};

export type VehicleStateRow = {
  vehicleId: number;
  basis: string;
  /** For each device the newest fix seen. */
  newest: { readonly [deviceId: string]: number | null };
  fold: unknown;
  reason: string | null;
  sinceMs: number | null;
  shown: SourceFixRow | null;
};

/** Which fixes of a device to read: not late, after this one, below `untilFixId`. */
export type SourceRange = { deviceId: number; fromMs: number; afterFixId: number; untilFixId: number };

/** One process at a time folds vehicles, for as long as this session lives; false while another does. */
export async function claimVehicleFold(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ claimed: boolean }>("select pg_try_advisory_lock($1) as claimed", [
    VEHICLE_FOLD_LOCK,
  ]);
  return rows[0]!.claimed;
}

/** Vehicles whose sources have newer fixes, or whose state rests on other bindings, in the order of their ids. */
export async function readChangedVehicles(
  client: Client,
  page: { afterVehicleId: number; limit: number },
): Promise<ChangedVehicle[]> {
  const { rows } = await client.query<ChangedVehicle>({
    name: "vehicle-fold-changed",
    text: `with bound as (
        select b.vehicle_id,
          string_agg(concat_ws(':', b.binding_id, b.priority, extract(epoch from b.bound_from), coalesce(c.revision, 0)),
            ' ' order by b.binding_id) as basis,
          jsonb_object_agg(b.device_id, s.fix_id) as newest,
          json_agg(json_build_object('deviceId', b.device_id, 'priority', b.priority,
            'boundFromMs', floor(extract(epoch from b.bound_from) * 1000), 'newestFixId', s.fix_id,
            'newestMs', floor(extract(epoch from s.fix_time) * 1000))) as sources
        from vehicle_device b
        left join device_state s on s.device_id = b.device_id
        left join stream_cursor c on c.partition = s.partition
        where b.bound_to is null and b.vehicle_id > $1
        group by b.vehicle_id
      )
      select b.vehicle_id as "vehicleId", b.basis, b.sources, case when v.basis = b.basis then v.fold end as fold
      from bound b left join vehicle_state v using (vehicle_id)
      where v.basis is distinct from b.basis or v.newest is distinct from b.newest
      order by b.vehicle_id limit $2`,
    values: [page.afterVehicleId, page.limit],
  });
  return rows;
}

/**
 * For each partition the first journal position that is not folded into fixes yet. Everything below is final, and so is
 * the order of fixes across partitions: positions are given in the order of commits.
 */
export async function readFoldedBelow(client: Client): Promise<Map<number, number>> {
  const { rows } = await client.query<{ partition: number; below: number }>({
    name: "vehicle-fold-horizon",
    text: `with newest as (
        select greatest((select max(last_seq) from frame_batch), (select max(seq) from stream_cursor)) + 1 as seq
      )
      select c.partition, coalesce(unfolded.seq, newest.seq) as below
      from stream_cursor c cross join newest left join unfolded_frame unfolded using (partition)`,
  });
  return new Map(rows.map((row) => [row.partition, Number(row.below)]));
}

const FIX_COLUMNS = `f.device_id as "deviceId", f.fix_id as "fixId",
  floor(extract(epoch from f.fix_time) * 1000)::float8 as "fixTimeMs",
  floor(extract(epoch from f.received_at) * 1000)::float8 as "receivedAtMs", f.protocol, f.lat_deg as "latDeg",
  f.lon_deg as "lonDeg", f.altitude_m as "altitudeM", f.speed_mps as "speedMps", f.heading_deg as "headingDeg",
  f.satellites, f.hdop, f.accuracy_m as "accuracyM", f.event, ${selectTracked("f")}`;
const IS_POSITION = "f.valid and not f.late and f.lat_deg is not null and f.lon_deg is not null";

/** Positions of these sources that were not late, each source in the order of ids, at most `limitEach` of each. */
export async function readSourceFixes(
  client: Client,
  ranges: readonly SourceRange[],
  limitEach: number,
): Promise<SourceFixRow[]> {
  const { rows } = await client.query<SourceFixRow>({
    name: "vehicle-fold-fixes",
    text: `select f.* from unnest($1::integer[], $2::float8[], $3::bigint[], $4::bigint[])
        with ordinality as r (device_id, from_ms, after_id, until_id, place)
      cross join lateral (
        select ${FIX_COLUMNS} from fix f
        where f.device_id = r.device_id and f.fix_time >= to_timestamp(r.from_ms / 1000)
          and f.fix_id > r.after_id and f.fix_id < r.until_id and ${IS_POSITION}
        order by f.fix_id limit $5
      ) f order by r.place, f."fixId"`,
    values: [...rangeValues(ranges), limitEach],
  });
  return rows;
}

/** For each source its last position before `fromMs` and not before `sinceMs`, if it has one. */
export async function readSourceFixesBefore(
  client: Client,
  ranges: readonly (SourceRange & { sinceMs: number })[],
): Promise<SourceFixRow[]> {
  const { rows } = await client.query<SourceFixRow>({
    name: "vehicle-fold-before",
    text: `select f.* from unnest($1::integer[], $2::float8[], $3::bigint[], $4::bigint[], $5::float8[])
        as r (device_id, from_ms, after_id, until_id, since_ms)
      cross join lateral (
        select ${FIX_COLUMNS} from fix f
        where f.device_id = r.device_id and f.fix_time < to_timestamp(r.from_ms / 1000)
          and f.fix_time >= to_timestamp(r.since_ms / 1000) and f.fix_id < r.until_id and ${IS_POSITION}
        order by f.fix_time desc, f.fix_id desc limit 1
      ) f`,
    values: [...rangeValues(ranges), ranges.map((range) => range.sinceMs)],
  });
  return rows;
}

/** Writes the states of vehicles that still exist. */
export async function saveVehicleStates(client: Client, states: readonly VehicleStateRow[]): Promise<void> {
  await client.query({
    name: "vehicle-fold-save",
    text: `insert into vehicle_state as v (vehicle_id, basis, newest, fold, reason, since, device_id, fix_id, fix_time,
        received_at, protocol, lat_deg, lon_deg, altitude_m, speed_mps, heading_deg, satellites, hdop, accuracy_m, event,
        ${TRACK_COLUMNS.join(", ")})
      select s."vehicleId", s.basis, s.newest, s.fold, s.reason, to_timestamp(s."sinceMs" / 1000),
        x."deviceId", x."fixId", to_timestamp(x."fixTimeMs" / 1000), to_timestamp(x."receivedAtMs" / 1000), x.protocol,
        x."latDeg", x."lonDeg", x."altitudeM", x."speedMps", x."headingDeg", x.satellites, x.hdop, x."accuracyM", x.event,
        m."latDeg", m."lonDeg", m."speedMps", m."headingDeg", m."sigmaM", t."latDeg", t."lonDeg", t."wayId", t.forward,
        t.confidence
      from json_to_recordset($1::json) as s ("vehicleId" integer, basis text, newest jsonb, fold jsonb, reason text,
        "sinceMs" float8, shown json)
      join vehicle on vehicle.vehicle_id = s."vehicleId"
      cross join lateral json_to_record(coalesce(nullif(s.shown::text, 'null'), '{}')::json) as x ("deviceId" integer,
        "fixId" bigint, "fixTimeMs" float8, "receivedAtMs" float8, protocol text, "latDeg" float8, "lonDeg" float8,
        "altitudeM" real, "speedMps" real, "headingDeg" real, satellites smallint, hdop real, "accuracyM" real, event text,
        smoothed json, matched json)
      cross join lateral json_to_record(coalesce(nullif(x.smoothed::text, 'null'), '{}')::json) as m ("latDeg" float8,
        "lonDeg" float8, "speedMps" real, "headingDeg" real, "sigmaM" real)
      cross join lateral json_to_record(coalesce(nullif(x.matched::text, 'null'), '{}')::json) as t ("latDeg" float8,
        "lonDeg" float8, "wayId" bigint, forward boolean, confidence real)
      on conflict (vehicle_id) do update set (basis, newest, fold, reason, since, device_id, fix_id, fix_time,
        received_at, protocol, lat_deg, lon_deg, altitude_m, speed_mps, heading_deg, satellites, hdop, accuracy_m, event,
        ${TRACK_COLUMNS.join(", ")}) = (excluded.basis, excluded.newest, excluded.fold, excluded.reason, excluded.since, excluded.device_id,
        excluded.fix_id, excluded.fix_time, excluded.received_at, excluded.protocol, excluded.lat_deg, excluded.lon_deg,
        excluded.altitude_m, excluded.speed_mps, excluded.heading_deg, excluded.satellites, excluded.hdop,
        excluded.accuracy_m, excluded.event, ${TRACK_COLUMNS.map((column) => `excluded.${column}`).join(", ")})`,
    values: [JSON.stringify(states)],
  });
}

function rangeValues(ranges: readonly SourceRange[]): unknown[] {
  return [
    ranges.map((range) => range.deviceId),
    ranges.map((range) => range.fromMs),
    ranges.map((range) => range.afterFixId),
    ranges.map((range) => range.untilFixId),
  ];
}
