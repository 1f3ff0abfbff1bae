import pg from "pg";
import type { Logger } from "pino";
import { connectionSettings } from "#store/database.ts";
import { claimDeliveryFold } from "#store/delivery-fold.ts";
import { Alarm } from "../alarm.ts";
import { pause } from "../pause.ts";
import { type DeliveryDeps, DeliveryRounds } from "./delivery-round.ts";

/** Rounds are no closer together than this, and no further apart than `POLL_MS`. */
const ROUND_MS_MIN = 1_000;
const POLL_MS = 5_000;
/** Routes, plans and bindings are looked for when they are announced, and at least so often. */
const LOOK_MS = 5_000;
const RECLAIM_MS = 2_000;

export type DeliveryFoldDeps = DeliveryDeps & {
  databaseUrl: string;
  log: Logger;
  /** Calls `heard` for every notification on these channels of the database. */
  listen: (channels: readonly string[], heard: (channel: string) => void) => Promise<{ close(): Promise<void> }>;
};

export type DeliveryFold = { close(): Promise<void> };

/** Keeps routes, stops and their ETAs up to date in whichever process claims it first. */
export async function openDeliveryFold(deps: DeliveryFoldDeps): Promise<DeliveryFold> {
  const alarm = new Alarm();
  const ending = new AbortController();
  const news = { plans: true };
  const listener = await deps.listen(["fixes", "plans", "geofences", "vehicles"], (channel) => {
    if (channel === "plans" || channel === "vehicles") news.plans = true;
    alarm.ring();
  });
  const running = runForever(deps, { alarm, news }, ending.signal);
  return {
    close: async () => {
      ending.abort();
      alarm.ring();
      await running;
      await listener.close();
    },
  };
}

type Wakers = { alarm: Alarm; news: { plans: boolean } };

async function runForever(deps: DeliveryFoldDeps, wakers: Wakers, closing: AbortSignal): Promise<void> {
  while (!closing.aborted) {
    try {
      await runOnce(deps, wakers, closing);
    } catch (error) {
      deps.log.warn({ err: error }, "the fold of routes starts again");
    }
    await pause(RECLAIM_MS, closing);
  }
}

async function runOnce(deps: DeliveryFoldDeps, { alarm, news }: Wakers, closing: AbortSignal): Promise<void> {
  const client = new pg.Client(connectionSettings(deps.databaseUrl, "delivery"));
  // A lost connection fails the next query; until then there is nothing to do about it.
  client.on("error", () => undefined);
  try {
    await client.connect();
    while (!closing.aborted && !(await claimDeliveryFold(client))) await pause(RECLAIM_MS, closing);
    const rounds = new DeliveryRounds(client, deps);
    let lookAtMs = 0;
    while (!closing.aborted) {
      alarm.reset();
      if (news.plans || deps.now() >= lookAtMs) {
        news.plans = false;
        lookAtMs = deps.now() + LOOK_MS;
        await rounds.look();
      }
      await rounds.round();
      await pause(ROUND_MS_MIN, closing);
      if (!closing.aborted) await alarm.wait(POLL_MS);
    }
  } finally {
    await client.end();
  }
}
