import type { MatchedPlace } from "#store/measured.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import { pointAt } from "./legs.ts";
import type { MatchFix } from "./match-fix.ts";
import type { StreamRoads } from "./stream-roads.ts";

/** Fixes further apart than this say nothing of each other. */
const APART_MS_MAX = 15 * 60_000;

/**
 * Matches fixes that came late together with the recent ones around them: the answer of a finished trace, which knows what
 * came before and after. One answer for each of `late`, which are in the order of time.
 */
export function rematch(
  roads: StreamRoads,
  recent: readonly MatchFix[],
  late: readonly MatchFix[],
): (MatchedPlace | null)[] {
  const fromMs = late[0]!.timeMs - APART_MS_MAX;
  const toMs = late.at(-1)!.timeMs + APART_MS_MAX;
  const around = recent.filter(({ timeMs }) => timeMs >= fromMs && timeMs <= toMs);
  const trace = [...around, ...late].sort((a, b) => a.timeMs - b.timeMs);
  const { placed, confidence } = roads.final.match(trace);
  const indexOf = new Map(trace.map((fix, index) => [fix, index]));
  return late.map((fix) => {
    const index = indexOf.get(fix)!;
    const at = placed[index];
    if (at === undefined) return null;
    return matchedPlace(
      roads.network,
      at.directed,
      pointAt(roads.network, at.directed, at.offsetM),
      confidence[index]!,
    );
  });
}

/** A matched place (degrees) on a directed edge, rounded to what means something. */
export function matchedPlace(
  roads: RoadNetwork,
  directed: number,
  [lat, lon]: readonly [number, number],
  confidence: number,
): MatchedPlace {
  return {
    latDeg: Math.round(lat * 1e7) / 1e7,
    lonDeg: Math.round(lon * 1e7) / 1e7,
    wayId: roads.wayId[roads.edgeWay[directed >> 1]!]!,
    forward: (directed & 1) === 0,
    confidence: Math.min(1, Math.round(confidence * 1000) / 1000),
  };
}
