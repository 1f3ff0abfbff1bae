import type pg from "pg";
import type { Logger } from "pino";
import { findModelEnd, readFleetZones } from "#store/eta-models.ts";
import { claimEtaLearning, findFirstArrivalMs } from "#store/eta-observations.ts";
import { openClaimedWork } from "../claimed-work.ts";
import { pause } from "../pause.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import { learnPeriod } from "./learn-period.ts";

const DAY_MS = 86_400_000;
/** A day is learned from this long after its end (UTC), when late data has come. */
const SETTLED_MS = 7_200_000;
/** A fleet with years of history begins with the newest. */
const HISTORY_MS_MAX = 28 * DAY_MS;
const LOOK_MS = 600_000;
const RECLAIM_MS = 30_000;

export type EtaLearningDeps = {
  databaseUrl: string;
  roads: RoadNetwork | null;
  /** Unix milliseconds. */
  now: () => number;
  log: Logger;
};

/** Learns from every day that is over, in whichever process claims it first. */
export function openEtaLearning({ databaseUrl, roads, now, log }: EtaLearningDeps): { close(): Promise<void> } {
  return openClaimedWork({
    ...{ databaseUrl, log, applicationName: "learning", startsAgain: "learning for ETAs starts again" },
    claim: claimEtaLearning,
    reclaimMs: RECLAIM_MS,
    run: async (client, closing) => {
      while (!closing.aborted) {
        await learnDays(client, roads, now(), closing);
        await pause(LOOK_MS, closing);
      }
    },
  });
}

/** Learns from all days of all fleets that are settled and not learned from yet. Returns how many models were made. */
export async function learnDays(
  client: pg.Client,
  roads: RoadNetwork | null,
  nowMs: number,
  closing?: AbortSignal,
): Promise<number> {
  let made = 0;
  for (const fleet of await readFleetZones(client)) {
    const last = await findModelEnd(client, fleet.fleetId);
    const sinceMs = Math.max(last?.learnedUntilMs ?? 0, nowMs - HISTORY_MS_MAX);
    const firstMs = await findFirstArrivalMs(client, fleet.fleetId, sinceMs);
    if (firstMs === undefined) continue;
    for (let fromMs = Math.floor(firstMs / DAY_MS) * DAY_MS; fromMs + DAY_MS + SETTLED_MS <= nowMs; fromMs += DAY_MS) {
      if (closing?.aborted) return made;
      if ((await learnPeriod(client, fleet, { fromMs, toMs: fromMs + DAY_MS }, roads, closing)) !== undefined) made++;
    }
  }
  return made;
}
