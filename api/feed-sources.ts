import type { TSchema } from "typebox";
import type { Database } from "#store/database.ts";
import {
  FEED_START,
  type FeedPage,
  type FeedPlace,
  readEtaFeed,
  readEventFeed,
  readFixFeed,
  readPodFeed,
} from "#store/feeds.ts";
import type { Scope } from "./auth.ts";
import type { RouteContext } from "./context.ts";
import { type FeedName, formatFeedCursor, parseFeedCursor } from "./cursor.ts";
import { Event, eventJson } from "./event-json.ts";
import { IssuedEta, issuedEtaJson, ReceivedPod, receivedPodJson } from "./feed-json.ts";
import { Fix, fixJson } from "./fix-json.ts";
import { FEED_CURSOR_DAYS_MAX } from "./limits.ts";

/** The feeds, each in one place: who may read it, what its rows are, and what a reader may ask for of them. */

/** One row of a feed as clients get it, with the cursor after it and what it is about. */
export type FeedItem = { cursor: string; type: string; about: About; data: object };
type About = { stopId: string | null; routeId: string | null; deviceUid: string | null };

export type FeedSource = {
  name: FeedName;
  summary: string;
  scope: Scope;
  schema: TSchema & { $id: string };
  read: (after: FeedPlace, limit: number) => Promise<{ items: FeedItem[]; next: FeedPlace; hasMore: boolean }>;
};

type Reader<Row> = (
  database: Database,
  fleetId: number | null,
  after: FeedPlace,
  limit: number,
) => Promise<FeedPage<Row>>;

type Described<Row> = Omit<FeedSource, "read"> & {
  reader: Reader<Row>;
  item: (row: Row) => { type: string; about?: Partial<About>; data: object };
};

const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null);

const DESCRIBED = {
  fixes: describe({
    ...{ name: "fixes", summary: "Every fix of the fleet", scope: "fixes:read", schema: Fix, reader: readFixFeed },
    item: (fix) => ({ type: "fix", about: { deviceUid: fix.deviceUid }, data: fixJson(fix) }),
  }),
  events: describe({
    ...{
      name: "events",
      summary: "Every event of the fleet",
      scope: "events:read",
      schema: Event,
      reader: readEventFeed,
    },
    item: (event) => ({
      type: event.type,
      about: {
        ...{ stopId: textOrNull(event.data.stopId), routeId: textOrNull(event.data.routeId) },
        deviceUid: event.deviceUid,
      },
      data: eventJson(event),
    }),
  }),
  etas: describe({
    ...{ name: "etas", summary: "Every ETA issued", scope: "routes:read", schema: IssuedEta, reader: readEtaFeed },
    item: (eta) => ({ type: "eta", about: { stopId: eta.stopId, routeId: eta.routeId }, data: issuedEtaJson(eta) }),
  }),
  pods: describe({
    ...{
      name: "pods",
      summary: "Every proof of delivery",
      scope: "pods:read",
      schema: ReceivedPod,
      reader: readPodFeed,
    },
    item: (pod) => ({ type: "pod", about: { stopId: pod.stopId, routeId: pod.routeId }, data: receivedPodJson(pod) }),
  }),
} as const satisfies Record<FeedName, (context: RouteContext, fleetId: number | null) => FeedSource>;

function describe<Row>({ reader, item, ...rest }: Described<Row>) {
  return ({ database, now }: RouteContext, fleetId: number | null): FeedSource => ({
    ...rest,
    read: async (after, limit) => {
      const { rows, next, hasMore } = await reader(database, fleetId, after, limit);
      const items = rows.map((row) => {
        const { type, about, data } = item(row);
        const cursor = formatFeedCursor(rest.name, row.place, now());
        return { cursor, type, about: { stopId: null, routeId: null, deviceUid: null, ...about }, data };
      });
      return { items, next, hasMore };
    },
  });
}

/** A feed as a fleet (null: every fleet) reads it. */
export function feedSource(context: RouteContext, feed: FeedName, fleetId: number | null): FeedSource {
  return DESCRIBED[feed](context, fleetId);
}

/** Where to read on. Throws `cursor_malformed`, or `cursor_expired` when what came after it may not be kept any more. */
export function feedStart(
  { now, retention }: Pick<RouteContext, "now" | "retention">,
  feed: FeedName,
  cursor: string,
): FeedPlace {
  const keptDays = { fixes: retention?.fixDays, events: retention?.eventDays, etas: undefined, pods: undefined }[feed];
  const daysMax = Math.min(FEED_CURSOR_DAYS_MAX, keptDays ?? FEED_CURSOR_DAYS_MAX);
  return parseFeedCursor(feed, cursor, { earliest: FEED_START, nowMs: now(), daysMax });
}

/** What a reader asks for; what is left out is not looked at. */
export type FeedFilter = { types?: readonly string[]; stopId?: string; routeId?: string; deviceUid?: string };

export function matchesFilter({ type, about }: FeedItem, { types, ...wanted }: FeedFilter): boolean {
  if (types !== undefined && !types.includes(type) && !types.includes(`${type.split(".", 1)[0]}.*`)) return false;
  return Object.entries(wanted).every(([name, value]) => value === undefined || about[name as keyof About] === value);
}
