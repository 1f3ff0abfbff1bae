import pg from "pg";
import type { Logger } from "pino";
import { connectionSettings, type Database } from "#store/database.ts";
import { FEED_START, type FeedPlace, readFeedHorizon, readFixFeed } from "#store/feeds.ts";
import { claimSink, readSinkCursor, saveSinkCursor } from "#store/sinks.ts";
import { pause } from "../pause.ts";
import { deliver } from "./deliver.ts";
import type { WriteLines } from "./influx-writer.ts";
import { fixLine } from "./line-protocol.ts";
import type { SinkTally } from "./sink-metrics.ts";

/**
 * Sends the fixes feed to InfluxDB, at least once, from a cursor in the database:
 *
 *     waiting ──claimed──▶ reading ──page──▶ sending ──stored──▶ saving the cursor ──▶ reading …
 *        ▲                                      │ └─ failed: again, for as long as it takes
 *        └────── database or claim lost ────────┘
 *
 * A process killed between sending and saving sends the page again; points are the same, so nothing is there twice.
 */

const SINK_NAME = "influx";
export const FIXES_PER_PAGE_MAX = 1_000;
/** A request holds at most this much of a page. */
const REQUEST_CHARACTERS_MAX = 4_000_000;
/** How often the feed is looked at when it is read to its end, and a claim tried that another process holds. */
const POLL_MS = 1_000;
const RECLAIM_MS = 5_000;
/** A cursor that needs not move is saved this often all the same, so that only an outage makes it old. */
const SAVE_IDLE_MS = 60_000;
const DAY_S = 86_400;

export type FixSinkDeps = {
  database: Database;
  write: WriteLines;
  log: Logger;
  tally: SinkTally;
  /** Days that the feed keeps fixes. A cursor that old may have lost what came after it. */
  retentionDays: number;
  /** Unix milliseconds. */
  now: () => number;
  fixesPerPage?: number;
  pollMs?: number;
  retryMsMin?: number;
};

export type FixSink = {
  /** Ends the request in flight; what it sent is sent again by the next start. */
  close(): Promise<void>;
};

/** Starts sending; whatever goes wrong, it goes on from the cursor. */
export function openFixSink(deps: FixSinkDeps): FixSink {
  const ending = new AbortController();
  const running = runForever(deps, ending.signal);
  return {
    close: async () => {
      ending.abort();
      await running;
    },
  };
}

async function runForever(deps: FixSinkDeps, closing: AbortSignal): Promise<void> {
  while (!closing.aborted) {
    try {
      await runOnce(deps, closing);
    } catch (error) {
      deps.tally.restarts++;
      deps.log.warn({ err: error }, "the sink starts again from its cursor");
    }
    await pause(deps.pollMs ?? POLL_MS, closing);
  }
}

/** Claims the sink and sends until closing; rejects when the connection that holds the claim is lost. */
async function runOnce(deps: FixSinkDeps, closing: AbortSignal): Promise<void> {
  const client = new pg.Client(connectionSettings(deps.database.url, "influx sink"));
  // A lost connection fails the next query; until then there is nothing to do about it.
  client.on("error", () => undefined);
  try {
    await client.connect();
    while (!(await claimSink(client, SINK_NAME))) {
      await pause(deps.pollMs ?? RECLAIM_MS, closing);
      if (closing.aborted) return;
    }
    deps.tally.sending = 1;
    await send(client, deps, closing);
  } finally {
    deps.tally.sending = 0;
    await client.end();
  }
}

async function send(client: pg.Client, deps: FixSinkDeps, closing: AbortSignal): Promise<void> {
  let place = await startingPlace(client, deps);
  let savedAtMs = deps.now();
  while (!closing.aborted) {
    const page = await readFixFeed(deps.database, null, place, deps.fixesPerPage ?? FIXES_PER_PAGE_MAX);
    const oldest = page.rows[0]?.storedAt.getTime();
    deps.tally.lagSeconds = oldest === undefined ? 0 : Math.max(0, (deps.now() - oldest) / 1000);
    if (!(await sendPage(page.rows, deps, closing))) return;
    if (page.rows.length > 0 || page.hasMore || deps.now() - savedAtMs >= SAVE_IDLE_MS) {
      await saveSinkCursor(client, SINK_NAME, place, page.next);
      place = page.next;
      savedAtMs = deps.now();
    }
    if (!page.hasMore) await pause(deps.pollMs ?? POLL_MS, closing);
  }
}

/** The cursor, or the start of the feed: for a sink that is new, and for a cursor that can't be trusted any more. */
async function startingPlace(
  client: pg.Client,
  { database, log, tally, retentionDays }: FixSinkDeps,
): Promise<FeedPlace> {
  const cursor = await readSinkCursor(client, SINK_NAME);
  if (cursor === undefined) {
    await saveSinkCursor(client, SINK_NAME, undefined, FEED_START);
    return FEED_START;
  }
  const { next } = await readFeedHorizon(database);
  const isForeign = BigInt(cursor.place.xid) > next;
  const isExpired = cursor.ageS > retentionDays * DAY_S;
  if (!isForeign && !isExpired) return cursor.place;
  tally.cursorsExpired++;
  log.error(
    { cursorAgeDays: Math.floor(cursor.ageS / DAY_S), retentionDays, isForeign },
    isForeign
      ? "the cursor of the sink is not of this database server: sending everything that is kept"
      : "the cursor of the sink is older than what the feed keeps: fixes are missing, going on from the earliest",
  );
  await saveSinkCursor(client, SINK_NAME, cursor.place, FEED_START);
  return FEED_START;
}

/** Sends a page in requests of bounded size; false when closing came first. */
async function sendPage(
  rows: Awaited<ReturnType<typeof readFixFeed>>["rows"],
  { write, log, tally, retryMsMin }: FixSinkDeps,
  closing: AbortSignal,
): Promise<boolean> {
  const delivery = {
    ...{ write, closing },
    ...(retryMsMin === undefined ? {} : { retryMsMin }),
    onFailed: (reason: string, attempt: number) => {
      tally.failures++;
      if (attempt === 1) log.warn({ reason }, "InfluxDB does not take the fixes, trying until it does");
    },
    onStored: (lines: number, expired: number) => {
      tally.requests++;
      tally.sent += lines - expired;
      tally.expiredThere += expired;
    },
    onRefused: (reason: string, kept: boolean) => {
      tally[kept ? "reduced" : "refused"]++;
      if (!kept) log.error({ reason }, "InfluxDB refuses a fix in every form: it is not there");
    },
  };
  for (let from = 0; from < rows.length; ) {
    const lines = [];
    for (let characters = 0; from < rows.length && characters < REQUEST_CHARACTERS_MAX; from++) {
      const line = fixLine(rows[from]!);
      lines.push(line);
      characters += line.full.length;
    }
    if (!(await deliver(lines, delivery))) return false;
  }
  return true;
}
