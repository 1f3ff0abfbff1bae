import polyline from "@mapbox/polyline";
import type { RoadNetwork } from "../roads/network-file.ts";
import type { FinalMatch } from "./final.ts";
import { appendGeometry, type Leg, type Stretch } from "./legs.ts";
import type { MatchFix } from "./match-fix.ts";
import { type DrivenSegment, LINE_DECIMALS, LINE_POINTS_MAX } from "./path-writer.ts";
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
  const segments: (Omit<DrivenSegment, "line"> & { line: [number, number][] })[] = [];
  for (const leg of legs) {
    const part = partOf(leg, fromM, toM);
    if (part === undefined) continue;
    const wayId = roads.wayId[roads.edgeWay[leg.directed >> 1]!]!;
    const forward = (leg.directed & 1) === 0;
    const endM = part.startM + part.toM - part.fromM;
    let run = segments.at(-1);
    if (run === undefined || run.wayId !== wayId || run.forward !== forward || run.line.length > LINE_POINTS_MAX) {
      run = { wayId, forward, enteredMs: timeAt(passings, part.startM), leftMs: 0, lengthM: 0, line: [] };
      segments.push(run);
    }
    run.leftMs = timeAt(passings, endM);
    run.lengthM += part.toM - part.fromM;
    appendGeometry(roads, [part], run.line);
  }
  return segments.map((run) => ({
    ...run,
    lengthM: Math.round(run.lengthM * 10) / 10,
    line: polyline.encode(run.line, LINE_DECIMALS),
  }));
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
