import type { RoadNetwork } from "../roads/network-file.ts";
import { type DrivenSegment, extendRun, type Run, runOf, segmentOf } from "./driven-run.ts";
import type { FinalMatch } from "./final.ts";
import type { Leg, Stretch } from "./legs.ts";
import type { MatchFix } from "./match-fix.ts";
import type { PlacedFix } from "./place-fixes.ts";

/** Where along a stretch the vehicle was at a time (Unix ms); distances never fall. */
type Passing = { alongM: number; timeMs: number };

/** What a finished match says was driven between two of its fixes, with times between those of the fixes. */
export function drivenBetween(
  roads: RoadNetwork,
  { stretches, placed }: FinalMatch,
  fixes: readonly MatchFix[],
  from: number,
  to: number,
): DrivenSegment[] {
  return stretches.flatMap((stretch) => {
    const passings = passingsOf(stretch, placed, fixes, from, to);
    return passings.length < 2 ? [] : segmentsOf(roads, stretch, passings);
  });
}

function passingsOf(
  { firstFix, lastFix }: Stretch,
  placed: readonly (PlacedFix | undefined)[],
  fixes: readonly MatchFix[],
  from: number,
  to: number,
): Passing[] {
  const passings: Passing[] = [];
  for (let i = Math.max(from, firstFix - 1); i <= Math.min(to, lastFix - 1); i++) {
    const at = placed[i];
    if (at === undefined) continue;
    const alongM = Math.max(at.alongM, passings.at(-1)?.alongM ?? at.alongM);
    passings.push({ alongM, timeMs: fixes[i]!.timeMs });
  }
  return passings;
}

function segmentsOf(roads: RoadNetwork, { legs }: Stretch, passings: readonly Passing[]): DrivenSegment[] {
  const [fromM, toM] = [passings[0]!.alongM, passings.at(-1)!.alongM];
  const runs: Run[] = [];
  for (const leg of legs) {
    const part = partOf(leg, fromM, toM);
    if (part === undefined) continue;
    const before = runs.at(-1) ?? null;
    const run = runOf(roads, before, leg.directed, timeAt(passings, part.startM));
    if (run !== before) runs.push(run);
    extendRun(roads, run, part, timeAt(passings, part.startM + part.toM - part.fromM));
  }
  return runs.map(segmentOf);
}

/** The part of a leg between two distances from the start of its stretch. */
function partOf(leg: Leg, fromM: number, toM: number): Leg | undefined {
  const cutM = Math.max(0, fromM - leg.startM);
  const part = {
    ...leg,
    fromM: leg.fromM + cutM,
    toM: Math.min(leg.toM, leg.fromM + toM - leg.startM),
    startM: leg.startM + cutM,
  };
  return part.toM > part.fromM ? part : undefined;
}

/** When the vehicle came by a distance, Unix ms. */
function timeAt(passings: readonly Passing[], alongM: number): number {
  const next = passings.findIndex((passing) => passing.alongM >= alongM);
  if (next <= 0) return passings[next === 0 ? 0 : passings.length - 1]!.timeMs;
  const [before, after] = [passings[next - 1]!, passings[next]!];
  const share = (alongM - before.alongM) / (after.alongM - before.alongM);
  return Math.round(before.timeMs + (after.timeMs - before.timeMs) * share);
}
