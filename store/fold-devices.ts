import type { ClientBase, Pool } from "pg";
import type { Attributes } from "#decoders/decoder.ts";
import type { DeviceStateRow, PositionRow } from "./fold-rows.ts";
import { selectTracked } from "./track-columns.ts";

type Queryable = Pick<Pool, "query"> | Pick<ClientBase, "query">;

/** What the fold needs to know of a registered device. */
export type FoldDevice = {
  deviceId: number;
  fleetId: number;
  uid: string;
  model: string | null;
  settings: Attributes;
};

export async function readFoldDevices(database: Queryable, deviceIds: readonly number[]): Promise<FoldDevice[]> {
  const { rows } = await database.query<FoldDevice>({
    name: "fold-read-devices",
    text: `select device_id as "deviceId", fleet_id as "fleetId", uid, model, settings
      from device where device_id = any($1::integer[])`,
    values: [deviceIds],
  });
  return rows;
}

export async function findDeviceId(database: Queryable, uid: string): Promise<number | undefined> {
  const { rows } = await database.query<{ deviceId: number }>(
    `select device_id as "deviceId" from device where uid = $1`,
    [uid],
  );
  return rows[0]?.deviceId;
}

type StateRow = {
  deviceId: number;
  lastSeq: string;
  lastFrameSeq: string;
  fixId: string | null;
  fixTime: Date | null;
  receivedAt: Date | null;
  protocol: string;
  attributes: Attributes;
  connected: boolean;
  lastFrameAt: Date | null;
  lastConnectedAt: Date | null;
  lastDisconnectedAt: Date | null;
  lastCloseReason: string | null;
  counters: { [name: string]: number };
  stageState: { [name: string]: unknown };
} & Omit<PositionRow, "fixId" | "fixTimeMs" | "receivedAtMs" | "protocol">;

/** The state of these devices as the last commit left it; devices that never sent anything have none. */
export async function readDeviceStates(database: Queryable, deviceIds: readonly number[]): Promise<DeviceStateRow[]> {
  const { rows } = await database.query<StateRow>({
    name: "fold-read-states",
    text: `select device_id as "deviceId", last_seq as "lastSeq", last_frame_seq as "lastFrameSeq", fix_id as "fixId", fix_time as "fixTime",
        received_at as "receivedAt", protocol, lat_deg as "latDeg", lon_deg as "lonDeg", altitude_m as "altitudeM",
        speed_mps as "speedMps", heading_deg as "headingDeg", satellites, hdop, accuracy_m as "accuracyM", event,
        ${selectTracked("device_state")}, attributes, connected, last_frame_at as "lastFrameAt", last_connected_at as "lastConnectedAt",
        last_disconnected_at as "lastDisconnectedAt", last_close_reason as "lastCloseReason", counters,
        stage_state as "stageState"
      from device_state where device_id = any($1::integer[])`,
    values: [deviceIds],
  });
  return rows.map((row) => ({
    deviceId: row.deviceId,
    lastSeq: Number(row.lastSeq),
    lastFrameSeq: Number(row.lastFrameSeq),
    position: positionOf(row),
    attributes: row.attributes,
    connected: row.connected,
    lastFrameAtMs: row.lastFrameAt?.getTime() ?? null,
    lastConnectedAtMs: row.lastConnectedAt?.getTime() ?? null,
    lastDisconnectedAtMs: row.lastDisconnectedAt?.getTime() ?? null,
    lastCloseReason: row.lastCloseReason,
    counters: row.counters,
    stageState: row.stageState,
  }));
}

/** Which of these (device, time in Unix ms, fingerprint) are stored, by their place in the list. */
export async function findStoredFixes(
  database: Queryable,
  identities: readonly { deviceId: number; fixTimeMs: number; fingerprint: number }[],
): Promise<Set<number>> {
  const { rows } = await database.query<{ place: string }>({
    name: "fold-find-stored",
    text: `select u.place from unnest($1::integer[], $2::bigint[], $3::bigint[])
        with ordinality as u (device_id, time_ms, fingerprint, place)
      where exists (select from fix f where f.device_id = u.device_id
        and f.fix_time = to_timestamp(u.time_ms / 1000.0) and f.fingerprint = u.fingerprint)`,
    values: [
      identities.map((identity) => identity.deviceId),
      identities.map((identity) => identity.fixTimeMs),
      identities.map((identity) => identity.fingerprint),
    ],
  });
  return new Set(rows.map((row) => Number(row.place) - 1));
}

function positionOf(row: StateRow): PositionRow | null {
  if (row.fixId === null || row.fixTime === null || row.receivedAt === null) return null;
  const { latDeg, lonDeg, altitudeM, speedMps, headingDeg, satellites, hdop, accuracyM, event, protocol } = row;
  const { smoothed, matched } = row;
  return {
    fixId: Number(row.fixId),
    fixTimeMs: row.fixTime.getTime(),
    receivedAtMs: row.receivedAt.getTime(),
    protocol,
    ...{ latDeg, lonDeg, altitudeM, speedMps, headingDeg, satellites, hdop, accuracyM, event },
    ...{ smoothed, matched },
  };
}
