import type { PathSegmentRow } from "#store/track-rows.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import { appendGeometry, type Leg } from "./legs.ts";
import { encodeLine } from "./line.ts";

/** A stretch of one way that was driven. */
export type DrivenSegment = Pick<PathSegmentRow, "wayId" | "forward" | "enteredMs" | "leftMs" | "lengthM" | "line">;

/** The stretch of one way that is being driven; `line` as [latitude, longitude] in degrees. */
export type Run = Omit<DrivenSegment, "line"> & { line: [number, number][] };

/** Points of a segment beyond which it is closed though the way goes on: the state of a device stays small. */
const LINE_POINTS_MAX = 40;

/** The run that a leg goes on with: the one before where that is of the same way and direction and not too long, or a new one. */
export function runOf(roads: RoadNetwork, before: Run | null, directed: number, enteredMs: number): Run {
  const wayId = roads.wayId[roads.edgeWay[directed >> 1]!]!;
  const forward = (directed & 1) === 0;
  const goesOn = before?.wayId === wayId && before.forward === forward && before.line.length <= LINE_POINTS_MAX;
  return goesOn ? before : { wayId, forward, enteredMs, leftMs: enteredMs, lengthM: 0, line: [] };
}

/** Adds what was driven of an edge, left at a time (Unix ms). */
export function extendRun(roads: RoadNetwork, run: Run, leg: Leg, leftMs: number): void {
  run.leftMs = leftMs;
  run.lengthM += leg.toM - leg.fromM;
  appendGeometry(roads, [leg], run.line);
}

export function segmentOf(run: Run): DrivenSegment {
  const lengthM = Math.round(run.lengthM * 10) / 10;
  return { ...run, lengthM, line: encodeLine(run.line) };
}
