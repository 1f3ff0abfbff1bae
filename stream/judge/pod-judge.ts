import type pg from "pg";
import type { Logger } from "pino";
import { claimJudge, readDuePods, scheduleTouched } from "#store/pod-judge.ts";
import { type ClaimedRounds, openClaimedRounds } from "../claimed-work.ts";
import { judgePod } from "./judge-pod.ts";
import { watchLoads } from "./watch-loads.ts";

/**
 * Judges PODs when they come in, and again when telemetry lands that touches them: its own cursor over the fixes feed
 * finds those. One process at a time does it, whichever claims it first.
 */

const PODS_PER_ROUND = 50;
/** Late telemetry comes in many frames: the POD is judged again once this has passed. */
const TOUCHED_MS = 5_000;
/** Loads with temperature limits are looked at this often. */
const LOADS_MS = 15_000;

export type PodJudgeDeps = Pick<ClaimedRounds, "databaseUrl" | "log" | "listen"> & {
  /** Unix milliseconds. */
  now: () => number;
};

export function openPodJudge({ now, ...deps }: PodJudgeDeps): Promise<{ close(): Promise<void> }> {
  return openClaimedRounds({
    ...{ ...deps, applicationName: "pod judge", startsAgain: "the judge of proofs starts again" },
    channels: ["pods", "fixes"],
    claim: claimJudge,
    begin: (client) => {
      let loadsAtMs = 0;
      return async () => {
        await judgeRound(client, now(), deps.log);
        if (now() - loadsAtMs < LOADS_MS) return;
        loadsAtMs = now();
        await watchLoads(client, loadsAtMs);
      };
    },
  });
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
