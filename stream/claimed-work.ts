import pg from "pg";
import type { Logger } from "pino";
import { connectionSettings, MISSED_SOON } from "#store/database.ts";
import { Alarm } from "./alarm.ts";
import { pause } from "./pause.ts";

/**
 * Work that one process at a time does, whichever claims it first, on a connection of its own: the claim is a lock of that
 * connection.
 *
 *     connecting ──▶ claiming ──ours──▶ working ──error──▶ waiting ──reclaimMs──▶ connecting
 *                      └──another's: again after reclaimMs        close() from any state
 */
export type ClaimedWork = {
  databaseUrl: string;
  /** Of the connection, as the server shows it. */
  applicationName: string;
  log: Logger;
  /** What is logged when it failed and begins anew. */
  startsAgain: string;
  claim: (client: pg.Client) => Promise<boolean>;
  /** Works until `closing` is aborted, or rejects. */
  run: (client: pg.Client, closing: AbortSignal) => Promise<void>;
  /** Between two tries to connect or to claim; `RECLAIM_MS` unless told. */
  reclaimMs?: number;
};

const RECLAIM_MS = 2_000;
/** Rounds are no closer together than this, and no further apart than `POLL_MS`. */
const ROUND_MS_MIN = 1_000;
const POLL_MS = 5_000;

export function openClaimedWork(work: ClaimedWork): { close(): Promise<void> } {
  const ending = new AbortController();
  const running = runForever(work, ending.signal);
  return {
    close: async () => {
      ending.abort();
      await running;
    },
  };
}

export type ClaimedRounds = Omit<ClaimedWork, "run" | "reclaimMs"> & {
  /** Calls `heard` for every notification on these channels of the database. */
  listen: (channels: readonly string[], heard: (channel: string) => void) => Promise<{ close(): Promise<void> }>;
  /** What wakes a round. */
  channels: readonly string[];
  heard?: (channel: string) => void;
  /** Called once the work is claimed; gives what a round does. */
  begin: (client: pg.Client) => () => Promise<void>;
};

/** Claimed work that goes round after round: when something is heard, and now and then. */
export async function openClaimedRounds(rounds: ClaimedRounds): Promise<{ close(): Promise<void> }> {
  const alarm = new Alarm();
  const listener = await rounds.listen(rounds.channels, (channel) => {
    rounds.heard?.(channel);
    alarm.ring();
  });
  const work = openClaimedWork({
    ...rounds,
    run: async (client, closing) => {
      const round = rounds.begin(client);
      while (!closing.aborted) {
        alarm.reset();
        await round();
        await pause(ROUND_MS_MIN, closing);
        if (!closing.aborted) await alarm.wait(POLL_MS);
      }
    },
  });
  return {
    close: async () => {
      const closed = work.close();
      alarm.ring();
      await closed;
      await listener.close();
    },
  };
}

async function runForever(work: ClaimedWork, closing: AbortSignal): Promise<void> {
  while (!closing.aborted) {
    try {
      await runOnce(work, closing);
    } catch (error) {
      if (!closing.aborted) work.log.warn({ err: error }, work.startsAgain);
    }
    await pause(work.reclaimMs ?? RECLAIM_MS, closing);
  }
}

async function runOnce(work: ClaimedWork, closing: AbortSignal): Promise<void> {
  const client = new pg.Client(connectionSettings(work.databaseUrl, work.applicationName));
  // A lost connection fails the next query; until then there is nothing to do about it.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query(MISSED_SOON);
    while (!closing.aborted && !(await work.claim(client))) await pause(work.reclaimMs ?? RECLAIM_MS, closing);
    if (!closing.aborted) await work.run(client, closing);
  } finally {
    await client.end();
  }
}
