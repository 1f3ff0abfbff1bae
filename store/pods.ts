import type { PoolClient } from "pg";
import type { Database } from "./database.ts";
import { eventIdOf, insertEvents } from "./event-writes.ts";
import { recipientKey, seal } from "./recipient-keys.ts";
import { inTransaction } from "./transaction.ts";

/** What a recipient and the driver said and did. Personal: stored under the recipient's key. */
export type PodDetails = {
  recipientName: string | null;
  relationship: string | null;
  notes: string | null;
  scans: string[];
  /** How the recipient's identity was checked: `passport`, `over 18`. */
  idCheck: string | null;
};

export type NewArtefact = {
  kind: "photo" | "signature";
  mediaType: string;
  bytes: Uint8Array;
  sha256: Uint8Array;
};

/** A POD as it comes in. Times are Unix milliseconds. */
export type NewPod = {
  stopId: string;
  clientKey: string | null;
  /** Hash of everything that a retry repeats. */
  contentHash: Buffer;
  outcome: "delivered" | "failed";
  reason: string | null;
  deviceTimeMs: number;
  sentAtMs: number | null;
  receivedAtMs: number;
  position: { latDeg: number; lonDeg: number; accuracyM: number; timeMs: number } | null;
  mock: boolean;
  missing: readonly string[];
  pinConfirmed: boolean | null;
  details: PodDetails;
  artefacts: readonly NewArtefact[];
  /** Who hands it in, for the record of custody: `key:7`. */
  who: string;
};

export type StoredPod = {
  podId: string;
  fleetId: number;
  stopId: string;
  routeId: string | null;
  routeVersion: number | null;
  vehicleId: number | null;
  driverId: number | null;
  outcome: "delivered" | "failed";
  reason: string | null;
  deviceTime: Date;
  sentAt: Date | null;
  receivedAt: Date;
  latDeg: number | null;
  lonDeg: number | null;
  accuracyM: number | null;
  positionTime: Date | null;
  mock: boolean;
  missing: string[];
  pinConfirmed: boolean | null;
  sealed: Buffer;
  erasedAt: Date | null;
};

/** The columns of a `StoredPod` from `pod r`. */
export const POD_COLUMNS = `r.pod_id::text as "podId", r.fleet_id as "fleetId", r.stop_id::text as "stopId",
  r.route_id::text as "routeId", r.route_version as "routeVersion", r.vehicle_id as "vehicleId",
  r.driver_id as "driverId", r.outcome, r.reason, r.device_time as "deviceTime", r.sent_at as "sentAt",
  r.received_at as "receivedAt", r.lat_deg as "latDeg", r.lon_deg as "lonDeg", r.accuracy_m as "accuracyM",
  r.position_time as "positionTime", r.mock, r.missing, r.pin_confirmed as "pinConfirmed", r.sealed,
  r.erased_at as "erasedAt"`;

export type StorePodResult =
  | { kind: "stored" | "repeated"; podId: string }
  /** The same client key was used for something else. */
  | { kind: "mismatch" }
  | { kind: "erased" }
  | { kind: "missing" };

/**
 * Stores a POD with its artefacts, its event and its custody in one commit. The same client key with the same content is
 * a retry and gives the POD that there is.
 */
export async function storePod(database: Database, fleetId: number | null, pod: NewPod): Promise<StorePodResult> {
  return inTransaction<StorePodResult>(database, async (_query, client) => {
    const stop = await findStopOfPod(client, fleetId, pod.stopId);
    if (stop === undefined) return { kind: "missing" };
    const key = await recipientKey(client, pod.stopId);
    if (key === undefined) return { kind: "erased" };
    const podId = await insertPod(client, stop, pod, seal(key, Buffer.from(JSON.stringify(pod.details))));
    if (podId === undefined) return findRepeated(client, stop.fleetId, pod);
    for (const artefact of pod.artefacts) await insertArtefact(client, { ...stop, podId, pod }, artefact, key);
    await insertCustody(client, { ...stop, podId, stopId: pod.stopId, who: pod.who, action: "uploaded" });
    await insertEvents(client, [receivedEvent(stop, podId, pod)]);
    await client.query("select pg_notify('pods', '')");
    return { kind: "stored", podId };
  });
}

type StopOfPod = {
  fleetId: number;
  routeId: string | null;
  routeVersion: number | null;
  vehicleId: number | null;
  driverId: number | null;
};

async function findStopOfPod(
  client: PoolClient,
  fleetId: number | null,
  stopId: string,
): Promise<StopOfPod | undefined> {
  const { rows } = await client.query<StopOfPod>(
    `select s.fleet_id as "fleetId", s.route_id::text as "routeId", r.version as "routeVersion",
      r.vehicle_id as "vehicleId", r.driver_id as "driverId"
    from stop s left join route r on r.route_id = s.route_id
    where s.stop_id = $2 and ($1::integer is null or s.fleet_id = $1) for key share of s`,
    [fleetId, stopId],
  );
  return rows[0];
}

const dateOf = (timeMs: number | null | undefined): Date | null => (timeMs == null ? null : new Date(timeMs));

/** Undefined where the client key is taken. Waits for a transaction that is about to take it. */
async function insertPod(
  client: PoolClient,
  stop: StopOfPod,
  pod: NewPod,
  sealed: Buffer,
): Promise<string | undefined> {
  const { rows } = await client.query<{ podId: string }>(
    `insert into pod (fleet_id, stop_id, route_id, route_version, vehicle_id, driver_id, client_key, content_hash,
      outcome, reason, device_time, sent_at, received_at, lat_deg, lon_deg, accuracy_m, position_time, mock, missing,
      pin_confirmed, sealed, judge_at, commit_xid)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $13,
      pg_current_xact_id()::text::bigint)
    on conflict (fleet_id, client_key) do nothing returning pod_id::text as "podId"`,
    [
      ...[stop.fleetId, pod.stopId, stop.routeId, stop.routeVersion, stop.vehicleId, stop.driverId],
      ...[pod.clientKey, pod.contentHash, pod.outcome, pod.reason],
      ...[dateOf(pod.deviceTimeMs), dateOf(pod.sentAtMs), dateOf(pod.receivedAtMs)],
      ...[pod.position?.latDeg ?? null, pod.position?.lonDeg ?? null, pod.position?.accuracyM ?? null],
      ...[dateOf(pod.position?.timeMs), pod.mock, pod.missing, pod.pinConfirmed, sealed],
    ],
  );
  return rows[0]?.podId;
}

async function findRepeated(client: PoolClient, fleetId: number, pod: NewPod): Promise<StorePodResult> {
  const found = await selectPodOfClient(client, fleetId, pod.clientKey ?? "");
  const isSame = found !== undefined && found.stopId === pod.stopId && found.contentHash.equals(pod.contentHash);
  return isSame ? { kind: "repeated", podId: found.podId } : { kind: "mismatch" };
}

export type PodOfClient = { podId: string; stopId: string; contentHash: Buffer };

/** The POD that its sender called so. */
export function findPodOfClient(
  database: Database,
  fleetId: number,
  clientKey: string,
): Promise<PodOfClient | undefined> {
  return selectPodOfClient(database.pool, fleetId, clientKey);
}

async function selectPodOfClient(
  client: Pick<PoolClient, "query">,
  fleetId: number,
  clientKey: string,
): Promise<PodOfClient | undefined> {
  const { rows } = await client.query<PodOfClient>(
    `select pod_id::text as "podId", stop_id::text as "stopId", content_hash as "contentHash" from pod
    where fleet_id = $1 and client_key = $2`,
    [fleetId, clientKey],
  );
  return rows[0];
}

async function insertArtefact(
  client: PoolClient,
  owner: { fleetId: number; podId: string; pod: NewPod },
  { kind, mediaType, bytes, sha256 }: NewArtefact,
  key: Uint8Array,
): Promise<void> {
  const sealed = seal(key, bytes);
  await client.query(
    `insert into artefact (fleet_id, pod_id, stop_id, kind, media_type, bytes, sha256, sealed_sha256, sealed)
    values ($1, $2, $3, $4, $5, $6, $7, sha256($8::bytea), $8)`,
    [owner.fleetId, owner.podId, owner.pod.stopId, kind, mediaType, bytes.length, sha256, sealed],
  );
}

/** Who did what with proof. */
export type Custody = {
  fleetId: number;
  stopId: string;
  podId: string | null;
  artefactId?: string;
  who: string;
  action: "uploaded" | "viewed" | "exported" | "overridden" | "erased";
};

export async function insertCustody(client: Pick<PoolClient, "query">, custody: Custody): Promise<void> {
  await client.query(
    "insert into custody (fleet_id, stop_id, pod_id, artefact_id, who, action) values ($1, $2, $3, $4, $5, $6)",
    [...[custody.fleetId, custody.stopId, custody.podId, custody.artefactId ?? null], ...[custody.who, custody.action]],
  );
}

/** The same of many proofs, in one statement. */
export async function insertCustodies(
  client: Pick<PoolClient, "query">,
  pods: readonly { fleetId: number; stopId: string; podId: string }[],
  { who, action }: Pick<Custody, "who" | "action">,
): Promise<void> {
  await client.query(
    `insert into custody (fleet_id, stop_id, pod_id, who, action)
    select p.*, $4, $5 from unnest($1::integer[], $2::bigint[], $3::bigint[]) as p`,
    [
      ...[pods.map(({ fleetId }) => fleetId), pods.map(({ stopId }) => stopId), pods.map(({ podId }) => podId)],
      ...[who, action],
    ],
  );
}

function receivedEvent(stop: StopOfPod, podId: string, pod: NewPod): Parameters<typeof insertEvents>[1][number] {
  const { stopId, outcome, reason, missing, receivedAtMs } = pod;
  return {
    ...{ eventId: eventIdOf("pod.received", podId), fleetId: stop.fleetId, deviceId: null, type: "pod.received" },
    ...{ occurredAtMs: receivedAtMs, detectedAtMs: receivedAtMs, replayed: false, supersedes: null, frameSeq: null },
    data: { podId, stopId, routeId: stop.routeId, outcome, reason, artefacts: pod.artefacts.length, missing },
  };
}
