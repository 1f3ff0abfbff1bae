import type { Database } from "./database.ts";
import { POD_COLUMNS, type PodDetails, type StoredPod } from "./pods.ts";
import { unseal } from "./recipient-keys.ts";

/** A version of what telemetry says of a POD, as it is kept. */
export type StoredVerdict = {
  podId: string;
  version: number;
  verdict: "corroborated" | "corroborated_with_exceptions" | "inconclusive" | "contradicted" | "not_evaluated";
  ruleVersion: number;
  evaluatedAt: Date;
  podAt: Date;
  podTimeCertain: boolean;
  reasons: unknown[];
  temperature: unknown;
  explanation: string[];
  map: string;
  appeared: string[];
  vanished: string[];
};

export type StoredOverride = { podId: string; verdict: "accepted" | "rejected"; note: string; who: string; at: Date };

/** A POD with what may be read of it. `details` null: erased. */
export type PodView = StoredPod & { details: PodDetails | null; stopExternalId: string | null };

type PodRow = StoredPod & { stopExternalId: string | null; key: Buffer | null };

const SELECT = `select ${POD_COLUMNS}, s.external_id as "stopExternalId", k.key
  from pod r join stop s on s.stop_id = r.stop_id left join recipient_key k on k.stop_id = r.stop_id`;

function viewOf({ key, ...pod }: PodRow): PodView {
  const details = key === null ? null : (JSON.parse(unseal(key, pod.sealed).toString()) as PodDetails);
  return { ...pod, details };
}

export type PodFilter = { fleetId: number | null; stopId: string | null; afterPodId: string; limit: number };

/** PODs in the order of their ids, above `afterPodId`. */
export async function listPods({ pool }: Database, filter: PodFilter): Promise<PodView[]> {
  const { rows } = await pool.query<PodRow>(
    `${SELECT} where r.pod_id > $3 and ($1::integer is null or r.fleet_id = $1)
      and ($2::bigint is null or r.stop_id = $2) order by r.pod_id limit $4`,
    [filter.fleetId, filter.stopId, filter.afterPodId, filter.limit],
  );
  return rows.map(viewOf);
}

export async function findPod({ pool }: Database, fleetId: number | null, podId: string): Promise<PodView | undefined> {
  const { rows } = await pool.query<PodRow>(
    `${SELECT} where r.pod_id = $2 and ($1::integer is null or r.fleet_id = $1)`,
    [fleetId, podId],
  );
  return rows.map(viewOf)[0];
}

/** The newest POD of a stop. */
export async function findPodOfStop(
  { pool }: Database,
  fleetId: number | null,
  stopId: string,
): Promise<PodView | undefined> {
  const { rows } = await pool.query<PodRow>(
    `${SELECT} where r.stop_id = $2 and ($1::integer is null or r.fleet_id = $1) order by r.pod_id desc limit 1`,
    [fleetId, stopId],
  );
  return rows.map(viewOf)[0];
}

/** All versions of the verdicts on these PODs, each POD's newest first. */
export async function listVerdicts({ pool }: Database, podIds: readonly string[]): Promise<StoredVerdict[]> {
  const { rows } = await pool.query<StoredVerdict>(
    `select pod_id::text as "podId", version, verdict, rule_version as "ruleVersion", evaluated_at as "evaluatedAt",
      pod_at as "podAt", pod_time_certain as "podTimeCertain", reasons, temperature, explanation, map, appeared, vanished
    from pod_verdict where pod_id = any($1::bigint[]) order by pod_id, version desc`,
    [podIds],
  );
  return rows;
}

/** What people said of these PODs, newest first. */
export async function listOverrides({ pool }: Database, podIds: readonly string[]): Promise<StoredOverride[]> {
  const { rows } = await pool.query<StoredOverride>(
    `select pod_id::text as "podId", verdict, note, who, at from pod_override
    where pod_id = any($1::bigint[]) order by pod_id, override_id desc`,
    [podIds],
  );
  return rows;
}

export type StoredCustody = {
  custodyId: string;
  at: Date;
  who: string;
  action: string;
  podId: string | null;
  artefactId: string | null;
};

/** Who did what with a POD and with its stop's recipient, in order. */
export async function listCustody(
  { pool }: Database,
  pod: { podId: string; stopId: string },
  page: { after: string; limit: number },
): Promise<StoredCustody[]> {
  const { rows } = await pool.query<StoredCustody>(
    `select custody_id::text as "custodyId", at, who, action, pod_id::text as "podId",
      artefact_id::text as "artefactId"
    from custody where (pod_id = $1 or (pod_id is null and stop_id = $2)) and custody_id > $3
    order by custody_id limit $4`,
    [pod.podId, pod.stopId, page.after, page.limit],
  );
  return rows;
}
