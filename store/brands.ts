import type { Database } from "./database.ts";
import { inTransaction } from "./transaction.ts";

/** Brands: whom the person waiting meets. The API validates what the four documents hold. */

export type BrandContent = {
  externalId: string | null;
  name: string;
  appearance: object;
  support: object;
  visibility: object;
  notifications: object;
  /** The brand of routes that name none. At most one a fleet: a new one takes over. */
  isDefault: boolean;
};

export type Brand = BrandContent & { brandId: number; fleetId: number; createdAt: Date; updatedAt: Date };

export type BrandResult = { kind: "done"; brand: Brand } | { kind: "taken" } | { kind: "missing" };

const COLUMNS = `brand_id as "brandId", fleet_id as "fleetId", external_id as "externalId", name, appearance, support,
  visibility, notifications, is_default as "isDefault", created_at as "createdAt", updated_at as "updatedAt"`;

const YIELD_DEFAULT = "update brand set is_default = false where fleet_id = $1 and is_default";

const UNIQUE_VIOLATION = "23505";

/** `taken` when another brand of the fleet has this external id. Rejects when there is no such fleet. */
export async function createBrand(database: Database, fleetId: number, content: BrandContent): Promise<BrandResult> {
  return inTransaction(database, async (query) => {
    if (content.isDefault) await query(YIELD_DEFAULT, [fleetId]);
    const rows = await query<Brand>(
      `insert into brand (fleet_id, external_id, name, appearance, support, visibility, notifications, is_default)
       values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (fleet_id, external_id) do nothing returning ${COLUMNS}`,
      [fleetId, ...valuesOf(content)],
    );
    return rows[0] === undefined ? { kind: "taken" } : { kind: "done", brand: rows[0] };
  });
}

export async function findBrand(
  database: Database,
  fleetId: number | null,
  brandId: number,
): Promise<Brand | undefined> {
  const { rows } = await database.pool.query<Brand>(
    `select ${COLUMNS} from brand where brand_id = $2 and ($1::integer is null or fleet_id = $1)`,
    [fleetId, brandId],
  );
  return rows[0];
}

/** In the order of their ids. */
export async function listBrands(
  database: Database,
  page: { fleetId: number | null; afterBrandId: number; limit: number; externalId: string | null },
): Promise<Brand[]> {
  const { rows } = await database.pool.query<Brand>(
    `select ${COLUMNS} from brand where brand_id > $2 and ($1::integer is null or fleet_id = $1)
      and ($4::text is null or external_id = $4) order by brand_id limit $3`,
    [page.fleetId, page.afterBrandId, page.limit, page.externalId],
  );
  return rows;
}

/** What is left out stays as it is; a document that is given replaces the one that was there. */
export async function updateBrand(
  database: Database,
  fleetId: number | null,
  brandId: number,
  change: Partial<BrandContent>,
): Promise<BrandResult> {
  const found = await findBrand(database, fleetId, brandId);
  if (found === undefined) return { kind: "missing" };
  try {
    return await inTransaction<BrandResult>(database, async (query) => {
      if (change.isDefault) await query(YIELD_DEFAULT, [found.fleetId]);
      const rows = await query<Brand>(
        `update brand set external_id = $2, name = $3, appearance = $4, support = $5, visibility = $6, notifications = $7,
          is_default = $8, updated_at = now() where brand_id = $1 returning ${COLUMNS}`,
        [brandId, ...valuesOf({ ...found, ...change })],
      );
      return rows[0] === undefined ? { kind: "missing" } : { kind: "done", brand: rows[0] };
    });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === UNIQUE_VIOLATION) return { kind: "taken" };
    throw error;
  }
}

/** True when there was such a brand. Its routes have the default brand then. */
export async function removeBrand(database: Database, fleetId: number | null, brandId: number): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    "delete from brand where brand_id = $2 and ($1::integer is null or fleet_id = $1)",
    [fleetId, brandId],
  );
  return rowCount === 1;
}

function valuesOf(content: BrandContent): unknown[] {
  const { externalId, name, appearance, support, visibility, notifications, isDefault } = content;
  const documents = [appearance, support, visibility, notifications].map((document) => JSON.stringify(document));
  return [externalId, name, ...documents, isDefault];
}
