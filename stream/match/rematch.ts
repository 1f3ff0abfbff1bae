import type { MatchedPlace } from "#store/measured.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import { drivenBetween } from "./driven-between.ts";
import type { DrivenSegment } from "./driven-run.ts";
import { pointAt } from "./legs.ts";
import type { MatchFix } from "./match-fix.ts";
import { RECENT_FIXES_MAX } from "./recent-fixes.ts";
import type { StreamRoads } from "./stream-roads.ts";

/** Fixes further apart than this say nothing of each other. */
const APART_MS_MAX = 15 * 60_000;
/** To either side the path is told anew for so many fixes: next to a gap the live match knew least. */
export const AROUND_FIXES = 2;

/** What late fixes tell: a place for each, and what was driven from some fixes before them to some after. */
export type Rematch = {
  places: (MatchedPlace | null)[];
  driven: DrivenSegment[];
  fromMs: number;
  toMs: number;
};

/**
 * Matches fixes that came late together with the recent ones around them: the answer of a finished trace, which knows what
 * came before and after. `late` is in the order of time and not empty.
 */
export function rematch(roads: StreamRoads, recent: readonly MatchFix[], late: readonly MatchFix[]): Rematch {
  const fromMs = late[0]!.timeMs - APART_MS_MAX;
  const toMs = late.at(-1)!.timeMs + APART_MS_MAX;
  const around = recent.filter(({ timeMs }) => timeMs >= fromMs && timeMs <= toMs);
  const trace = [...around, ...late].sort((a, b) => a.timeMs - b.timeMs);
  const match = roads.final.match(trace);
  const { placed, confidence } = match;
  const indexOf = new Map(trace.map((fix, index) => [fix, index]));
  const places = late.map((fix) => {
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
  // What came next to a fix from before all that is remembered is forgotten.
  const knownFromMs = recent.length < RECENT_FIXES_MAX ? Number.NEGATIVE_INFINITY : recent[0]!.timeMs;
  const aroundOf = (fix: MatchFix): number => (fix.timeMs < knownFromMs ? 0 : AROUND_FIXES);
  const from = Math.max(0, indexOf.get(late[0]!)! - aroundOf(late[0]!));
  const to = Math.min(trace.length - 1, indexOf.get(late.at(-1)!)! + aroundOf(late.at(-1)!));
  const driven = drivenBetween(roads.network, match, trace, from, to);
  return { places, driven, fromMs: trace[from]!.timeMs, toMs: trace[to]!.timeMs };
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
