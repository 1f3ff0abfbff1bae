import { createHmac } from "node:crypto";
import type { Database } from "./database.ts";
import { eventIdOf, insertEvents } from "./event-writes.ts";
import { lookupOf, MAY_BE_OF_TOKEN, newToken, rowOfToken, tokenHash } from "./link-tokens.ts";
import { ownSecret } from "./own-secrets.ts";
import { COMPLETED_AT, COMPLETION_JOINS } from "./tracked-stops.ts";
import { inTransaction } from "./transaction.ts";

/** Links by which somebody without a key follows one stop. */

export type TrackingLink = {
  linkId: number;
  fleetId: number;
  stopId: number;
  /** Rules by field, as given. */
  visibility: { [field: string]: unknown };
  notBefore: Date | null;
  expiresAt: Date;
  revokedAt: Date | null;
  views: number;
  createdAt: Date;
};

/** A link with what decides whether it is open. */
export type FoundLink = TrackingLink & {
  /** When the stop was over; null while it is ahead. */
  completedAt: Date | null;
};

export type NewLink = Pick<TrackingLink, "stopId" | "visibility" | "notBefore" | "expiresAt">;

/** Links of one stop, revoked ones included. */
export const LINKS_PER_STOP_MAX = 100;

const COLUMNS = `l.link_id as "linkId", l.fleet_id as "fleetId", l.stop_id as "stopId", l.visibility,
  l.not_before as "notBefore", l.expires_at as "expiresAt", l.revoked_at as "revokedAt", l.views,
  l.created_at as "createdAt"`;

type Made = { kind: "made"; link: TrackingLink; token: string } | { kind: "stopUnknown" } | { kind: "full" };

/** Makes a link to a stop of this fleet (null: any) and its event; `token` exists nowhere else afterwards. */
export function createLink(database: Database, fleetId: number | null, link: NewLink): Promise<Made> {
  return makeLink(database, fleetId, link, newToken());
}

/**
 * The link that goes with a message, made by whoever asks first: attempts to send it again have the same. Its token is
 * not kept either but made of the message's id and a secret of this installation.
 */
export async function linkOfMessage(database: Database, link: NewLink, messageId: string): Promise<Made> {
  const secret = await ownSecret(database, "links in messages");
  return makeLink(database, null, link, newToken(createHmac("sha256", secret).update(messageId).digest()));
}

function makeLink(database: Database, fleetId: number | null, link: NewLink, token: string): Promise<Made> {
  return inTransaction(database, async (query, client) => {
    // The lock keeps two makers from passing the limit together.
    const [stop] = await query<{ fleetId: number; routeId: number | null }>(
      `select fleet_id as "fleetId", route_id as "routeId" from stop
       where stop_id = $1 and ($2::integer is null or fleet_id = $2) for no key update`,
      [link.stopId, fleetId],
    );
    if (stop === undefined) return { kind: "stopUnknown" };
    const [known] = await query<TrackingLink>(
      `select ${COLUMNS} from tracking_link l where l.stop_id = $1 and l.token_hash = $2`,
      [link.stopId, tokenHash(token)],
    );
    if (known !== undefined) return { kind: "made", link: known, token };
    const [made] = await query<TrackingLink>(
      `insert into tracking_link as l (fleet_id, stop_id, token_hash, visibility, not_before, expires_at)
       select $1, $2, $3, $4, $5, $6
       where (select count(*) from tracking_link where stop_id = $2) < ${LINKS_PER_STOP_MAX} returning ${COLUMNS}`,
      [stop.fleetId, link.stopId, tokenHash(token), JSON.stringify(link.visibility), link.notBefore, link.expiresAt],
    );
    if (made === undefined) return { kind: "full" };
    await insertEvents(client, [eventOf("link.created", made, stop.routeId, made.createdAt)]);
    return { kind: "made", link: made, token };
  });
}

/** Revokes a link of this stop and fleet (null: any); false when there is none. A second call changes nothing. */
export async function revokeLink(
  database: Database,
  fleetId: number | null,
  { stopId, linkId }: { stopId: number; linkId: number },
): Promise<boolean> {
  return inTransaction(database, async (query, client) => {
    const where = "l.link_id = $1 and l.stop_id = $2 and ($3::integer is null or l.fleet_id = $3)";
    const [revoked] = await query<TrackingLink & { routeId: number | null }>(
      `update tracking_link l set revoked_at = now() from stop s
       where s.stop_id = l.stop_id and l.revoked_at is null and ${where} returning ${COLUMNS}, s.route_id as "routeId"`,
      [linkId, stopId, fleetId],
    );
    if (revoked !== undefined) {
      await insertEvents(client, [eventOf("link.revoked", revoked, revoked.routeId, revoked.revokedAt!)]);
      return true;
    }
    const known = await query(`select from tracking_link l where ${where}`, [linkId, stopId, fleetId]);
    return known.length === 1;
  });
}

/** The links of a stop of this fleet (null: any) in the order they were made; undefined when there is no such stop. */
export async function listLinks(
  database: Database,
  fleetId: number | null,
  page: { stopId: number; afterLinkId: number; limit: number },
): Promise<TrackingLink[] | undefined> {
  const { rows } = await database.pool.query<TrackingLink & { linkId: number | null }>(
    `select ${COLUMNS} from stop s
     left join lateral (
       select * from tracking_link t where t.stop_id = s.stop_id and t.link_id > $3 order by t.link_id limit $4
     ) l on true
     where s.stop_id = $2 and ($1::integer is null or s.fleet_id = $1)`,
    [fleetId, page.stopId, page.afterLinkId, page.limit],
  );
  return rows.length === 0 ? undefined : rows.filter(({ linkId }) => linkId !== null);
}

/** The link of this token in whatever state it is; the caller decides whether it is open. */
export async function findLink(database: Database, token: string): Promise<FoundLink | undefined> {
  const { rows } = await database.pool.query<FoundLink & { tokenHash: Buffer }>({
    name: "find-link",
    text: `select ${COLUMNS}, l.token_hash as "tokenHash", ${COMPLETED_AT} as "completedAt"
      from tracking_link l join stop s on s.stop_id = l.stop_id ${COMPLETION_JOINS}
      where ${MAY_BE_OF_TOKEN}`,
    values: [lookupOf(token)],
  });
  return rowOfToken(rows, token);
}

/** Of these links those that are revoked or gone. */
export async function findRevokedLinks(database: Database, linkIds: readonly number[]): Promise<number[]> {
  const { rows } = await database.pool.query<{ linkId: number }>({
    name: "find-revoked-links",
    text: `select asked.id as "linkId" from unnest($1::bigint[]) as asked (id)
      where not exists (select from tracking_link l where l.link_id = asked.id and l.revoked_at is null)`,
    values: [linkIds],
  });
  return rows.map(({ linkId }) => linkId);
}

/** Adds to the counts of page views: link id → views. */
export async function addLinkViews(database: Database, views: ReadonlyMap<number, number>): Promise<void> {
  if (views.size === 0) return;
  await database.pool.query(
    `update tracking_link l set views = l.views + seen.views
     from unnest($1::bigint[], $2::integer[]) as seen (link_id, views) where l.link_id = seen.link_id`,
    [[...views.keys()], [...views.values()]],
  );
}

function eventOf(type: "link.created" | "link.revoked", link: TrackingLink, routeId: number | null, at: Date) {
  const { linkId, stopId, fleetId, expiresAt } = link;
  const subject = { linkId: String(linkId), stopId: String(stopId) };
  return {
    eventId: eventIdOf(type, linkId),
    fleetId,
    deviceId: null,
    type,
    occurredAtMs: at.getTime(),
    detectedAtMs: at.getTime(),
    replayed: false,
    supersedes: null,
    frameSeq: null,
    data: {
      ...subject,
      ...(routeId === null ? {} : { routeId: String(routeId) }),
      ...(type === "link.created" ? { expiresAt: expiresAt.toISOString() } : {}),
    },
  };
}
