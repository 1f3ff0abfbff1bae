import type { Database } from "./database.ts";

/** What drivers say of stops, kept beside what was observed and never instead of it. */

export const CLAIM_KINDS = ["arrived", "departed"] as const;
export type ClaimKind = (typeof CLAIM_KINDS)[number];

export type Claim = {
  claimId: string;
  stopId: string;
  driverId: number | null;
  kind: ClaimKind;
  /** By the phone's clock. */
  claimedAt: Date;
  receivedAt: Date;
  latDeg: number | null;
  lonDeg: number | null;
  accuracyM: number | null;
};

export type NewClaim = Omit<Claim, "claimId"> & { clientKey: string };

const COLUMNS = `c.claim_id::text as "claimId", c.stop_id::text as "stopId", c.driver_id as "driverId", c.kind,
  c.claimed_at as "claimedAt", c.received_at as "receivedAt", c.lat_deg as "latDeg", c.lon_deg as "lonDeg",
  c.accuracy_m as "accuracyM"`;

/** `repeated`: the fleet has a claim of this key; it stays as it was first said. `missing`: no such stop. */
export async function storeClaim(
  database: Database,
  claim: NewClaim,
): Promise<{ kind: "stored" | "repeated"; claim: Claim } | { kind: "missing" }> {
  const { stopId, driverId, kind, clientKey, claimedAt, receivedAt, latDeg, lonDeg, accuracyM } = claim;
  const { rows } = await database.pool.query<Claim>(
    `insert into stop_claim as c (fleet_id, stop_id, driver_id, kind, client_key, claimed_at, received_at, lat_deg,
       lon_deg, accuracy_m)
     select fleet_id, stop_id, $2, $3, $4, $5, $6, $7, $8, $9 from stop where stop_id = $1
     on conflict (fleet_id, client_key) do nothing returning ${COLUMNS}`,
    [stopId, driverId, kind, clientKey, claimedAt, receivedAt, latDeg, lonDeg, accuracyM],
  );
  if (rows[0] !== undefined) return { kind: "stored", claim: rows[0] };
  const repeated = await database.pool.query<Claim>(
    `select ${COLUMNS} from stop_claim c join stop s on s.fleet_id = c.fleet_id
     where s.stop_id = $1 and c.client_key = $2`,
    [stopId, clientKey],
  );
  return repeated.rows[0] === undefined ? { kind: "missing" } : { kind: "repeated", claim: repeated.rows[0] };
}

/** Of these stops, in the order in which they came. */
export async function listClaims(database: Database, stopIds: readonly (number | string)[]): Promise<Claim[]> {
  const { rows } = await database.pool.query<Claim>(
    `select ${COLUMNS} from stop_claim c where c.stop_id = any($1::bigint[]) order by c.stop_id, c.claim_id`,
    [stopIds],
  );
  return rows;
}
