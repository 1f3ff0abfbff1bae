import type { FeedPlace } from "#store/feeds.ts";
import { FEED_CURSOR_DAYS_MAX } from "./limits.ts";
import { Problem } from "./problems.ts";

/**
 * Cursors are opaque to clients: base64url of the list's name and a few integers, separated by dots. Their own list is
 * the only one that takes them; anything else is `cursor_malformed`.
 */

export const INT4_MAX = 2_147_483_647n;
export const INT8_MAX = 9_223_372_036_854_775_807n;
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

export type FeedName = "fixes" | "events";

/** A feed's cursor carries when it was issued, because it is honoured for a limited time. */
export function formatFeedCursor(feed: FeedName, place: FeedPlace, nowMs: number): string {
  return formatCursor(`feed-${feed}`, place.xid, place.id, nowMs);
}

/** Throws `cursor_malformed`, or `cursor_expired` with the earliest cursor that is honoured. */
export function parseFeedCursor(feed: FeedName, text: string, earliest: FeedPlace, nowMs: number): FeedPlace {
  const [xid, id, issuedMs] = parseCursor(`feed-${feed}`, text, [INT8_MAX, INT8_MAX, TIME_MS_MAX]);
  if (nowMs - Number(issuedMs) > FEED_CURSOR_DAYS_MAX * DAY_MS) {
    throw new Problem("cursor_expired", {
      detail: `Cursors are honoured for ${FEED_CURSOR_DAYS_MAX} days.`,
      extensions: { earliestCursor: formatFeedCursor(feed, earliest, nowMs) },
    });
  }
  return { xid: xid!, id: id! };
}
