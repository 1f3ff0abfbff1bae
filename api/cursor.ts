import type { FeedPlace } from "#store/feeds.ts";
import { Problem } from "./problems.ts";

/**
 * Cursors are opaque to clients: base64url of the list's name and a few integers, separated by dots. Their own list is
 * the only one that takes them; anything else is `cursor_malformed`.
 */

export const INT4_MAX = 2_147_483_647n;
export const INT8_MAX = 9_223_372_036_854_775_807n;
/** Of ids that are numbers here. */
export const ID_MAX = BigInt(Number.MAX_SAFE_INTEGER);
/** The largest time of an ECMAScript Date, Unix milliseconds. */
export const TIME_MS_MAX = 8_640_000_000_000_000n;

const CURSOR_CHARACTERS_MAX = 200;
const DAY_MS = 86_400_000;

export function formatCursor(list: string, ...parts: readonly (string | number)[]): string {
  return Buffer.from([list, ...parts].join(".")).toString("base64url");
}

/** The integers of a cursor of this list as digits; each lies between -max and max. Throws `cursor_malformed`. */
export function parseCursor(list: string, text: string, maxima: readonly bigint[]): string[] {
  const malformed = new Problem("cursor_malformed");
  if (text.length > CURSOR_CHARACTERS_MAX || !/^[\w-]+$/.test(text)) throw malformed;
  const [name, ...parts] = Buffer.from(text, "base64url").toString("latin1").split(".");
  if (name !== list || parts.length !== maxima.length) throw malformed;
  for (const [index, part] of parts.entries()) {
    if (!/^-?\d{1,19}$/.test(part)) throw malformed;
    const value = BigInt(part);
    const max = maxima[index]!;
    if (value > max || value < -max) throw malformed;
  }
  return parts;
}

/** A place in the list of trips: ids of trips are text. */
export function tripCursor(startedMs: number, tripId: string): string {
  return Buffer.from(`trips.${startedMs}.${tripId}`).toString("base64url");
}

/** Throws `cursor_malformed`. */
export function parseTripCursor(text: string): { startedMs: number; tripId: string } {
  const [name, started, tripId] = Buffer.from(text, "base64url").toString("latin1").split(".");
  const isTime = /^-?\d{1,16}$/.test(started ?? "") && Math.abs(Number(started)) <= Number(TIME_MS_MAX);
  if (name !== "trips" || !isTime || !/^[\w-]{1,64}$/.test(tripId ?? "")) throw new Problem("cursor_malformed");
  return { startedMs: Number(started), tripId: tripId! };
}

export const FEED_NAMES = ["fixes", "events", "etas", "pods"] as const;
export type FeedName = (typeof FEED_NAMES)[number];

/** A feed's cursor carries when it was issued, because it is honoured for a limited time. */
export function formatFeedCursor(feed: FeedName, place: FeedPlace, nowMs: number): string {
  return formatCursor(`feed-${feed}`, place.xid, place.id, nowMs);
}

/**
 * `daysMax`: how long a cursor of this feed is honoured; no longer than its rows are kept, for what came after it must be
 * there still. Throws `cursor_malformed`, or `cursor_expired` with the earliest cursor that is honoured.
 */
export function parseFeedCursor(
  feed: FeedName,
  text: string,
  { earliest, nowMs, daysMax }: { earliest: FeedPlace; nowMs: number; daysMax: number },
): FeedPlace {
  const [xid, id, issuedMs] = parseCursor(`feed-${feed}`, text, [INT8_MAX, INT8_MAX, TIME_MS_MAX]);
  if (nowMs - Number(issuedMs) > daysMax * DAY_MS) {
    throw new Problem("cursor_expired", {
      detail: `Cursors of this feed are honoured for ${daysMax} days.`,
      extensions: { earliestCursor: formatFeedCursor(feed, earliest, nowMs) },
    });
  }
  return { xid: xid!, id: id! };
}
