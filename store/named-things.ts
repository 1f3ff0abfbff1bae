import type { Database } from "./database.ts";

/** Vehicles, drivers, brands and routes as others name them: by number, or by what the fleet itself calls them. */

export type NamedKind = "vehicle" | "driver" | "brand" | "route";

const ID_DIGITS = /^[1-9]\d{0,8}$/;

/**
 * The id of the thing of this fleet (null: any) that `name` means: an external id first, else digits as the id. Undefined
 * when there is none.
 */
export async function findNamed(
  database: Database,
  kind: NamedKind,
  fleetId: number | null,
  name: string,
): Promise<number | undefined> {
  return (await findAllNamed(database, kind, fleetId, [name])).get(name);
}

/** The same for many names at once; names that mean nothing are left out. */
export async function findAllNamed(
  database: Database,
  kind: NamedKind,
  fleetId: number | null,
  names: readonly string[],
): Promise<Map<string, number>> {
  if (names.length === 0) return new Map();
  const { rows } = await database.pool.query<{ id: number; externalId: string | null }>(
    `select ${kind}_id as id, external_id as "externalId" from ${kind}
     where ($1::integer is null or fleet_id = $1) and (external_id = any($2::text[]) or ${kind}_id = any($3::integer[]))`,
    [fleetId, names, names.filter((name) => ID_DIGITS.test(name))],
  );
  const byId = new Map(rows.map(({ id }) => [String(id), id]));
  const byExternalId = new Map(rows.map(({ id, externalId }) => [externalId, id]));
  return new Map(
    names.flatMap((name): [string, number][] => {
      const id = byExternalId.get(name) ?? byId.get(name);
      return id === undefined ? [] : [[name, id]];
    }),
  );
}
