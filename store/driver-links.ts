import type { Database } from "./database.ts";
import { lookupOf, MAY_BE_OF_TOKEN, newToken, rowOfToken, tokenHash } from "./link-tokens.ts";
import { inTransaction } from "./transaction.ts";

/** Links by which a driver works without a key. */

export type DriverLink = {
  linkId: number;
  fleetId: number;
  driverId: number;
  expiresAt: Date;
  revokedAt: Date | null;
  createdAt: Date;
};

/** Links of one driver that could still be opened. */
export const LINKS_PER_DRIVER_MAX = 20;

const COLUMNS = `l.link_id as "linkId", l.fleet_id as "fleetId", l.driver_id as "driverId", l.expires_at as "expiresAt",
  l.revoked_at as "revokedAt", l.created_at as "createdAt"`;

type Made = { kind: "made"; link: DriverLink; token: string } | { kind: "driverUnknown" } | { kind: "full" };

/** Makes a link for a driver of this fleet (null: any); `token` exists nowhere else afterwards. */
export async function createDriverLink(
  database: Database,
  fleetId: number | null,
  asked: { driverId: number; expiresAt: Date; now: Date },
): Promise<Made> {
  return inTransaction(database, async (query) => {
    // The lock keeps two makers from passing the limit together.
    const [driver] = await query<{ fleetId: number }>(
      `select fleet_id as "fleetId" from driver
       where driver_id = $1 and ($2::integer is null or fleet_id = $2) for no key update`,
      [asked.driverId, fleetId],
    );
    if (driver === undefined) return { kind: "driverUnknown" };
    const token = newToken();
    const [link] = await query<DriverLink>(
      `insert into driver_link as l (fleet_id, driver_id, token_hash, expires_at, created_at)
       select $1, $2, $3, $4, $5 where (
         select count(*) from driver_link where driver_id = $2 and revoked_at is null and expires_at > $5
       ) < ${LINKS_PER_DRIVER_MAX} returning ${COLUMNS}`,
      [driver.fleetId, asked.driverId, tokenHash(token), asked.expiresAt, asked.now],
    );
    return link === undefined ? { kind: "full" } : { kind: "made", link, token };
  });
}

/** Revokes a link of this driver and fleet (null: any); false when there is none. A second call changes nothing. */
export async function revokeDriverLink(
  database: Database,
  fleetId: number | null,
  { driverId, linkId }: { driverId: number; linkId: number },
): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    `update driver_link set revoked_at = coalesce(revoked_at, now())
     where link_id = $1 and driver_id = $2 and ($3::integer is null or fleet_id = $3)`,
    [linkId, driverId, fleetId],
  );
  return rowCount === 1;
}

/** The links of a driver of this fleet (null: any) in the order they were made; undefined: no such driver. */
export async function listDriverLinks(
  database: Database,
  fleetId: number | null,
  page: { driverId: number; afterLinkId: number; limit: number },
): Promise<DriverLink[] | undefined> {
  const { rows } = await database.pool.query<DriverLink & { linkId: number | null }>(
    `select ${COLUMNS} from driver d
     left join lateral (
       select * from driver_link t where t.driver_id = d.driver_id and t.link_id > $3 order by t.link_id limit $4
     ) l on true
     where d.driver_id = $2 and ($1::integer is null or d.fleet_id = $1)`,
    [fleetId, page.driverId, page.afterLinkId, page.limit],
  );
  return rows.length === 0 ? undefined : rows.filter(({ linkId }) => linkId !== null);
}

/** The link of this token while it answers; unknown, expired and revoked are the same. */
export async function findOpenDriverLink(
  database: Database,
  token: string,
  nowMs: number,
): Promise<DriverLink | undefined> {
  const { rows } = await database.pool.query<DriverLink & { tokenHash: Buffer }>({
    name: "find-driver-link",
    text: `select ${COLUMNS}, l.token_hash as "tokenHash" from driver_link l
      where ${MAY_BE_OF_TOKEN}`,
    values: [lookupOf(token)],
  });
  const found = rowOfToken(rows, token);
  if (found === undefined || found.revokedAt !== null || found.expiresAt.getTime() <= nowMs) return undefined;
  return found;
}

/** The end of the next day in the time zone of the driver's fleet; undefined: no such driver in this fleet (null: any). */
export async function endOfNextDay(
  database: Database,
  fleetId: number | null,
  driverId: number,
  now: Date,
): Promise<Date | undefined> {
  const { rows } = await database.pool.query<{ ends: Date }>(
    `select (date_trunc('day', $3::timestamptz at time zone f.time_zone) + interval '2 days') at time zone f.time_zone
       as ends
     from driver d join fleet f on f.fleet_id = d.fleet_id
     where d.driver_id = $2 and ($1::integer is null or d.fleet_id = $1)`,
    [fleetId, driverId, now],
  );
  return rows[0]?.ends;
}
