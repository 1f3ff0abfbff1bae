import type { Database } from "./database.ts";
import { insertCustody } from "./pods.ts";
import { findRecipientKey, unseal } from "./recipient-keys.ts";
import { inTransaction } from "./transaction.ts";

export type StoredArtefact = {
  artefactId: string;
  podId: string;
  kind: "photo" | "signature";
  mediaType: string;
  bytes: number;
  /** Hex, of what was uploaded. */
  sha256: string;
  sealedSha256: string;
  erased: boolean;
};

const COLUMNS = `artefact_id::text as "artefactId", pod_id::text as "podId", kind, media_type as "mediaType", bytes,
  encode(sha256, 'hex') as sha256, encode(sealed_sha256, 'hex') as "sealedSha256", sealed is null as erased`;

export async function listArtefacts({ pool }: Database, podIds: readonly string[]): Promise<StoredArtefact[]> {
  const { rows } = await pool.query<StoredArtefact>(
    `select ${COLUMNS} from artefact where pod_id = any($1::bigint[]) order by pod_id, artefact_id`,
    [podIds],
  );
  return rows;
}

/**
 * An artefact's bytes, opened for `who`, which is recorded in the same commit: nothing is seen without a trace.
 * Undefined where there is none, or none any more.
 */
export async function openArtefact(
  database: Database,
  artefactId: string,
  who: string,
  action: "viewed" | "exported" = "viewed",
): Promise<{ mediaType: string; bytes: Buffer; sha256: string } | undefined> {
  return inTransaction(database, async (query, client) => {
    const found = await query<{
      fleetId: number;
      stopId: string;
      podId: string;
      mediaType: string;
      sealed: Buffer | null;
      sha256: string;
    }>(
      `select fleet_id as "fleetId", stop_id::text as "stopId", pod_id::text as "podId", media_type as "mediaType",
        sealed, encode(sha256, 'hex') as sha256 from artefact where artefact_id = $1`,
      [artefactId],
    );
    const artefact = found[0];
    if (artefact === undefined || artefact.sealed === null) return undefined;
    const key = await findRecipientKey(client, artefact.stopId);
    if (key === undefined) return undefined;
    const { fleetId, stopId, podId, mediaType, sealed, sha256 } = artefact;
    await insertCustody(client, { fleetId, stopId, podId, artefactId, who, action });
    return { mediaType, bytes: unseal(key, sealed), sha256 };
  });
}
