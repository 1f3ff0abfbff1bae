import type { RoadNetwork } from "../roads/network-file.ts";
import { GAP, type PathStep } from "./path-tree.ts";

/** A stretch of one directed edge that was driven. */
export interface Leg {
  directed: number;
  fromM: number;
  toM: number;
  /** Number (from 1) of the fix by which it had been entered. */
  fix: number;
  /** Distance from the start of the drive's stretch. */
  startM: number;
}

/** An unbroken drive on the network, from the fix number it starts with to the last one on it. */
export interface Stretch {
  legs: Leg[];
  firstFix: number;
  lastFix: number;
}

/** Puts decided steps together to unbroken stretches. */
export function collectStretches(roads: RoadNetwork, steps: readonly PathStep[], fixes: number): Stretch[] {
  const stretches: Stretch[] = [];
  let legs: Leg[] = [];
  const close = (lastFix: number): void => {
    if (legs.length > 0) stretches.push({ legs, firstFix: legs[0]!.fix, lastFix });
    legs = [];
  };
  for (const step of steps) {
    const previous = legs.at(-1);
    if (previous !== undefined && step.leaveM >= 0) previous.toM = Math.max(previous.fromM, step.leaveM);
    if (step.edge === GAP) {
      close(Math.max(legs[0]?.fix ?? 0, step.fix - 1));
      continue;
    }
    const startM = previous === undefined ? 0 : previous.startM + previous.toM - previous.fromM;
    legs.push({
      directed: step.edge,
      fromM: step.enterM,
      toM: roads.edgeLengthM[step.edge >> 1]!,
      fix: step.fix,
      startM,
    });
  }
  close(fixes);
  return stretches;
}

/** The stretch's line in 1e-7 degrees: points appended to `geometry` as [lat, lon]. */
export function appendGeometry(roads: RoadNetwork, legs: readonly Leg[], geometry: [number, number][]): void {
  for (const leg of legs) {
    const edge = leg.directed >> 1;
    const lengthM = roads.edgeLengthM[edge]!;
    const first = roads.edgeShape[edge]!;
    const last = roads.edgeShape[edge + 1]! - 1;
    const backward = (leg.directed & 1) === 1;
    appendPoint(geometry, pointAt(roads, leg.directed, leg.fromM));
    for (let i = 0; i <= last - first; i++) {
      const p = backward ? last - i : first + i;
      const alongM = backward ? lengthM - roads.shapeAlongM[p]! : roads.shapeAlongM[p]!;
      if (alongM > leg.fromM && alongM < leg.toM)
        appendPoint(geometry, [roads.shapeLatE7[p]! / 1e7, roads.shapeLonE7[p]! / 1e7]);
    }
    appendPoint(geometry, pointAt(roads, leg.directed, leg.toM));
  }
}

function appendPoint(geometry: [number, number][], point: [number, number]): void {
  const last = geometry.at(-1);
  if (last === undefined || last[0] !== point[0] || last[1] !== point[1]) geometry.push(point);
}

/** The place at an offset of a directed edge, degrees rounded to 1e-7. */
export function pointAt(roads: RoadNetwork, directed: number, offsetM: number): [lat: number, lon: number] {
  const edge = directed >> 1;
  const lengthM = roads.edgeLengthM[edge]!;
  const along = Math.min(lengthM, Math.max(0, directed & 1 ? lengthM - offsetM : offsetM));
  const end = roads.edgeShape[edge + 1]! - 1;
  let p = roads.edgeShape[edge]!;
  while (p + 2 <= end && roads.shapeAlongM[p + 1]! < along) p++;
  const span = roads.shapeAlongM[p + 1]! - roads.shapeAlongM[p]!;
  const t = span > 0 ? Math.min(1, (along - roads.shapeAlongM[p]!) / span) : 0;
  const lat = roads.shapeLatE7[p]! + t * (roads.shapeLatE7[p + 1]! - roads.shapeLatE7[p]!);
  const lon = roads.shapeLonE7[p]! + t * (roads.shapeLonE7[p + 1]! - roads.shapeLonE7[p]!);
  return [Math.round(lat) / 1e7, Math.round(lon) / 1e7];
}

export interface DrivenWay {
  wayId: number;
  forward: boolean;
  lengthM: number;
}

/** The ways of a path in order, neighbouring legs of one way and direction joined. */
export function drivenWays(roads: RoadNetwork, stretches: readonly Stretch[]): DrivenWay[] {
  const ways: DrivenWay[] = [];
  for (const { legs } of stretches)
    for (const leg of legs) {
      const wayId = roads.wayId[roads.edgeWay[leg.directed >> 1]!]!;
      const forward = (leg.directed & 1) === 0;
      const last = ways.at(-1);
      if (last !== undefined && last.wayId === wayId && last.forward === forward) last.lengthM += leg.toM - leg.fromM;
      else ways.push({ wayId, forward, lengthM: leg.toM - leg.fromM });
    }
  return ways;
}
