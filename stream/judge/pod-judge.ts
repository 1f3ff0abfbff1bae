import pg from "pg";
import type { Logger } from "pino";
import { connectionSettings } from "#store/database.ts";
import { claimJudge, readDuePods, scheduleTouched } from "#store/pod-judge.ts";
import { Alarm } from "../alarm.ts";
import { pause } from "../pause.ts";
import { judgePod } from "./judge-pod.ts";
import { watchLoads } from "./watch-loads.ts";

/**
 * Judges PODs when they come in, and again when telemetry lands that touches them: its own cursor over the fixes feed
 * finds those. One process at a time does it, whichever claims it first.
 */

const PODS_PER_ROUND = 50;
/** Rounds are no closer together than this, and no further apart than `POLL_MS`. */
const ROUND_MS_MIN = 1_000;
const POLL_MS = 5_000;
const RECLAIM_MS = 2_000;
/** Late telemetry comes in many frames: the POD is judged again once this has passed. */
const TOUCHED_MS = 5_000;
/** Loads with temperature limits are looked at this often. */
const LOADS_MS = 15_000;

export type PodJudgeDeps = {
  databaseUrl: string;
  log: Logger;
  /** Calls `heard` for every notification on these channels of the database. */
  listen: (channels: readonly string[], heard: () => void) => Promise<{ close(): Promise<void> }>;
  /** Unix milliseconds. */
  now: () => number;
};

export async function openPodJudge(deps: PodJudgeDeps): Promise<{ close(): Promise<void> }> {
  const alarm = new Alarm();
  const ending = new AbortController();
  const listener = await deps.listen(["pods", "fixes"], () => alarm.ring());
  const running = runForever(deps, alarm, ending.signal);
  return {
    close: async () => {
      ending.abort();
      alarm.ring();
      await running;
      await listener.close();
    },
  };
}

async function runForever(deps: PodJudgeDeps, alarm: Alarm, closing: AbortSignal): Promise<void> {
  while (!closing.aborted) {
    try {
      await runOnce(deps, alarm, closing);
    } catch (error) {
      deps.log.warn({ err: error }, "the judge of proofs starts again");
    }
    await pause(RECLAIM_MS, closing);
  }
}

async function runOnce({ databaseUrl, now, log }: PodJudgeDeps, alarm: Alarm, closing: AbortSignal): Promise<void> {
  const client = new pg.Client(connectionSettings(databaseUrl, "pod judge"));
  // A lost connection fails the next query; until then there is nothing to do about it.
  client.on("error", () => undefined);
  try {
    await client.connect();
    while (!closing.aborted && !(await claimJudge(client))) await pause(RECLAIM_MS, closing);
    let loadsAtMs = 0;
    while (!closing.aborted) {
      alarm.reset();
      await judgeRound(client, now(), log);
      if (now() - loadsAtMs >= LOADS_MS) {
        loadsAtMs = now();
        await watchLoads(client, loadsAtMs);
      }
      await pause(ROUND_MS_MIN, closing);
      if (!closing.aborted) await alarm.wait(POLL_MS);
    }
  } finally {
    await client.end();
  }
}

/** One round: what late telemetry touches is put on the list, what is due is judged. Gives how many versions it added. */
export async function judgeRound(
  client: pg.ClientBase,
  nowMs: number,
  log?: Pick<Logger, "error">,
  touchedMs = TOUCHED_MS,
): Promise<number> {
  while (await scheduleTouched(client, nowMs + touchedMs));
  let added = 0;
  for (let due = await readDuePods(client, nowMs, PODS_PER_ROUND); due.length > 0; ) {
    for (const podId of due) added += await judgeOne(client, podId, nowMs, log);
    due = due.length < PODS_PER_ROUND ? [] : await readDuePods(client, nowMs, PODS_PER_ROUND);
  }
  return added;
}

/** A POD whose evidence can't be judged must not keep all others waiting. */
async function judgeOne(
  client: pg.ClientBase,
  podId: string,
  nowMs: number,
  log: Pick<Logger, "error"> | undefined,
): Promise<number> {
  try {
    const judged = await judgePod(client, podId, nowMs);
    return judged?.added === true ? 1 : 0;
  } catch (error) {
    // Whether it is the POD or the connection, the next statement tells.
    await client.query("update pod set judge_at = $2 where pod_id = $1", [podId, new Date(nowMs + FAILED_MS)]);
    log?.error({ err: error }, "a proof could not be judged");
    return 0;
  }
}

const FAILED_MS = 60_000;
