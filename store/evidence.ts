import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import type { PoolClient } from "pg";
import type { Database } from "./database.ts";
import { insertCustody } from "./pods.ts";
import { inTransaction } from "./transaction.ts";

/**
 * The chain of evidence, one a fleet: every entry's chain hash is SHA-256 of the chain hash before it (32 zero bytes at
 * first), its position (8 bytes, big endian) and the SHA-256 of its content, which is canonical JSON (RFC 8785).
 */

export type EvidenceKind = "verdict" | "override" | "erasure";

export type NewEvidence = {
  fleetId: number;
  kind: EvidenceKind;
  stopId: string;
  podId: string | null;
  podVersion: number | null;
  content: { readonly [name: string]: unknown };
  /** What `content` names by hash, deflated. */
  material: Uint8Array | null;
};

export type EvidenceEntry = {
  position: number;
  kind: EvidenceKind;
  podVersion: number | null;
  content: string;
  contentSha256: Buffer;
  chainSha256: Buffer;
  material: Buffer | null;
};

const START = Buffer.alloc(32);

export function chainHash(before: Uint8Array, position: number, contentSha256: Uint8Array): Buffer {
  const place = Buffer.alloc(8);
  place.writeBigUInt64BE(BigInt(position));
  return createHash("sha256").update(before).update(place).update(contentSha256).digest();
}

/** Adds an entry inside the caller's transaction; entries of a fleet wait for each other. Gives its content's hash. */
export async function appendEvidence(client: Pick<PoolClient, "query">, entry: NewEvidence): Promise<Buffer> {
  await client.query(
    "insert into evidence_chain (fleet_id, position, head) values ($1, 0, $2) on conflict (fleet_id) do nothing",
    [entry.fleetId, START],
  );
  const { rows } = await client.query<{ position: number; head: Buffer }>(
    "select position::float8 as position, head from evidence_chain where fleet_id = $1 for update",
    [entry.fleetId],
  );
  const { head, position: last } = rows[0]!;
  const position = last + 1;
  const content = canonicalize(entry.content) ?? "";
  const contentSha256 = createHash("sha256").update(content).digest();
  const chainSha256 = chainHash(head, position, contentSha256);
  await client.query(
    `insert into evidence (fleet_id, position, kind, pod_id, stop_id, pod_version, content, content_sha256, chain_sha256,
      material) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      ...[entry.fleetId, position, entry.kind, entry.podId, entry.stopId, entry.podVersion],
      ...[content, contentSha256, chainSha256, entry.material],
    ],
  );
  await client.query("update evidence_chain set position = $2, head = $3 where fleet_id = $1", [
    entry.fleetId,
    position,
    chainSha256,
  ]);
  return contentSha256;
}

/** A person's word on a POD, beside its verdict. False where the fleet (null: any) has no such POD. */
export async function overridePod(
  database: Database,
  fleetId: number | null,
  override: { podId: string; verdict: "accepted" | "rejected"; note: string; who: string; atMs: number },
): Promise<boolean> {
  return inTransaction(database, async (query, client) => {
    const { podId, verdict, note, who, atMs } = override;
    const found = await query<{ fleetId: number; stopId: string; version: number | null }>(
      `select fleet_id as "fleetId", stop_id::text as "stopId",
        (select max(version) from pod_verdict v where v.pod_id = p.pod_id) as version
      from pod p where pod_id = $2 and ($1::integer is null or fleet_id = $1)`,
      [fleetId, podId],
    );
    const pod = found[0];
    if (pod === undefined) return false;
    const at = new Date(atMs);
    await query("insert into pod_override (pod_id, fleet_id, verdict, note, who, at) values ($1, $2, $3, $4, $5, $6)", [
      podId,
      pod.fleetId,
      verdict,
      note,
      who,
      at,
    ]);
    await insertCustody(client, { fleetId: pod.fleetId, stopId: pod.stopId, podId, who, action: "overridden" });
    const content = {
      kind: "override",
      podId,
      stopId: pod.stopId,
      podVersion: pod.version,
      verdict,
      note,
      who,
      at: at.toISOString(),
    };
    const ids = { fleetId: pod.fleetId, stopId: pod.stopId, podId, podVersion: pod.version };
    await appendEvidence(client, { ...ids, kind: "override", content, material: null });
    return true;
  });
}

/**
 * Forgets the recipient of a stop: the key that everything personal is stored under, the pictures, the contact, the address
 * and the PIN. Hashes stay, so the chain still holds. Undefined where the fleet (null: any) has no such stop; else how many PODs it touched.
 */
export async function eraseRecipient(
  database: Database,
  fleetId: number | null,
  erasure: { stopId: string; who: string; atMs: number },
): Promise<number | undefined> {
  return inTransaction(database, async (query, client) => {
    const { stopId, who, atMs } = erasure;
    // Whoever changes plans now has read the contact, and would write it again.
    await query("select 1 from plan_revision for update", []);
    const found = await query<{ fleetId: number }>(
      `select fleet_id as "fleetId" from stop where stop_id = $2 and ($1::integer is null or fleet_id = $1) for update`,
      [fleetId, stopId],
    );
    if (found[0] === undefined) return undefined;
    const owner = found[0].fleetId;
    const at = new Date(atMs);
    await query(FORGET_RECIPIENT, [stopId, at]);
    // A key that was destroyed before anything was stored keeps anything from being stored later.
    const destroyed = await query(
      `insert into recipient_key as k (stop_id, destroyed_at) values ($1, $2)
      on conflict (stop_id) do update set key = null, destroyed_at = $2 where k.key is not null returning 1`,
      [stopId, at],
    );
    if (destroyed.length === 0) return 0;
    await query("update artefact set sealed = null where stop_id = $1", [stopId]);
    const pods = await query<{ podId: string }>(
      `update pod set erased_at = $2 where stop_id = $1 returning pod_id::text as "podId"`,
      [stopId, at],
    );
    await insertCustody(client, { fleetId: owner, stopId, podId: null, who, action: "erased" });
    const podIds = pods.map(({ podId }) => podId);
    for (const podId of podIds.length > 0 ? podIds : [null]) {
      const content = { kind: "erasure", stopId, podId, who, at: at.toISOString() };
      await appendEvidence(client, {
        fleetId: owner,
        kind: "erasure",
        stopId,
        podId,
        podVersion: null,
        content,
        material: null,
      });
    }
    return pods.length;
  });
}

/** Whoever knew the version before must not bring the contact back unawares. Places stay: telemetry is judged by them. */
export const FORGET_RECIPIENT = `update stop set contact = '{}', notes = null, address = null,
  policy = policy #- '{proof,pin}', version = version + 1, updated_at = $2 where stop_id = $1`;

/** The entries about a POD, and the links of the chain from just before the first of them to the last. */
export async function readEvidence(
  { pool }: Database,
  pod: { fleetId: number; podId: string },
): Promise<{ entries: EvidenceEntry[]; links: { position: number; contentSha256: Buffer; chainSha256: Buffer }[] }> {
  const { rows: entries } = await pool.query<EvidenceEntry>(
    `select position::float8 as position, kind, pod_version as "podVersion", content,
      content_sha256 as "contentSha256", chain_sha256 as "chainSha256", material
    from evidence where pod_id = $1 order by position`,
    [pod.podId],
  );
  const first = entries[0];
  if (first === undefined) return { entries, links: [] };
  const { rows: links } = await pool.query<{ position: number; contentSha256: Buffer; chainSha256: Buffer }>(
    `select position::float8 as position, content_sha256 as "contentSha256", chain_sha256 as "chainSha256"
    from evidence where fleet_id = $1 and position between $2 and $3 order by position`,
    [pod.fleetId, first.position - 1, entries.at(-1)!.position],
  );
  return { entries, links };
}
