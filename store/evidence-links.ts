import type { Database } from "./database.ts";

/** A link of a fleet's chain of evidence, as whoever holds an exported archive compares it. */
export type EvidenceLink = {
  fleetId: number;
  position: number;
  kind: "verdict" | "override" | "erasure";
  podId: string | null;
  /** Hexadecimal. */
  contentSha256: string;
  chainSha256: string;
  at: Date;
};

/** The newest first, fleet by fleet (null: all of them), behind `after`; `position`: that one alone. */
export async function listEvidenceLinks(
  { pool }: Database,
  fleetId: number | null,
  page: { after: { fleetId: number; position: string } | null; position: number | null; limit: number },
): Promise<EvidenceLink[]> {
  const { rows } = await pool.query<EvidenceLink>(
    `select fleet_id as "fleetId", position::float8 as position, kind, pod_id::text as "podId",
      encode(content_sha256, 'hex') as "contentSha256", encode(chain_sha256, 'hex') as "chainSha256", at
    from evidence
    where ($1::integer is null or fleet_id = $1) and ($2::bigint is null or position = $2)
      and ($3::integer is null or fleet_id > $3 or fleet_id = $3 and position < $4::bigint)
    order by fleet_id, position desc limit $5`,
    [fleetId, page.position, page.after?.fleetId ?? null, page.after?.position ?? null, page.limit],
  );
  return rows;
}
