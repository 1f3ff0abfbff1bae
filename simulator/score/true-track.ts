import { distanceM } from "../roads/geometry.ts";
import type { VehicleState } from "../vehicle.ts";
import type { LinePoint } from "./route-mismatch.ts";

/** A stay inside a fence, in truth. `due`: long and deep enough that it must be found; others may be. */
export type TrueVisit = { fenceId: string; enteredAtMs: number; exitedAtMs: number; due: boolean };

/** A circular fence that visits are counted at. */
export type ScoredFence = { fenceId: string; latDeg: number; lonDeg: number; radiusM: number };

type Span = { fromM: number; toM: number; wayId: number; forward: boolean };

const DUE_MS_MIN = 60_000;
const DUE_DEPTH_M_MIN = 15;
/** A departure later than this before the end of the track may not be told any more. */
const AFTER_MS_MIN = 180_000;
/** Absences shorter than this are no departure. */
const MIN_OUTSIDE_MS = 30_000;

/** Where one vehicle really was: its states in order of time, as often as somebody looked. Metres by its odometer. */
export class TrueTrack {
  readonly #states: VehicleState[] = [];
  readonly #spans: Span[] = [];

  add(state: VehicleState): void {
    const last = this.#states.at(-1);
    if (last !== undefined && state.timeMs <= last.timeMs) return;
    this.#states.push(state);
    const span = this.#spans.at(-1);
    const { odometerM, wayId, forward } = state;
    if (span !== undefined && span.wayId === wayId && span.forward === forward) span.toM = odometerM;
    else this.#spans.push({ fromM: span?.toM ?? odometerM, toM: odometerM, wayId, forward });
  }

  get fromMs(): number {
    return this.#states[0]?.timeMs ?? Number.NaN;
  }

  get toMs(): number {
    return this.#states.at(-1)?.timeMs ?? Number.NaN;
  }

  get drivenM(): number {
    return (this.#states.at(-1)?.odometerM ?? 0) - (this.#states[0]?.odometerM ?? 0);
  }

  /** What was driven between two times (Unix ms), which may lie outside the track. */
  drivenBetweenM(fromMs: number, toMs: number): number {
    const odometerAt = (timeMs: number): number =>
      this.at(Math.min(this.toMs, Math.max(this.fromMs, timeMs)))?.odometerM ?? 0;
    return Math.max(0, odometerAt(toMs) - odometerAt(fromMs));
  }

  /** Its state at a time (Unix ms), between two looks by a straight line; undefined outside the track. */
  at(timeMs: number): VehicleState | undefined {
    const states = this.#states;
    let [low, high] = [0, states.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (states[middle]!.timeMs <= timeMs) low = middle + 1;
      else high = middle;
    }
    const before = states[low - 1];
    const after = states[low];
    if (before === undefined || before.timeMs === timeMs) return before;
    if (after === undefined) return undefined;
    const share = (timeMs - before.timeMs) / (after.timeMs - before.timeMs);
    const between = (a: number, b: number): number => a + (b - a) * share;
    return {
      ...(share < 0.5 ? before : after),
      timeMs,
      latDeg: between(before.latDeg, after.latDeg),
      lonDeg: between(before.lonDeg, after.lonDeg),
      odometerM: between(before.odometerM, after.odometerM),
    };
  }

  /** Whether the vehicle was on a way in this direction within `slackM` of where its odometer stood at `odometerM`. */
  wasOn(odometerM: number, slackM: number, wayId: number, forward: boolean): boolean {
    return this.#spans.some(
      (span) =>
        span.wayId === wayId &&
        span.forward === forward &&
        span.fromM <= odometerM + slackM &&
        span.toM >= odometerM - slackM,
    );
  }

  /** The line driven between two times. */
  lineBetween(fromMs: number, toMs: number): LinePoint[] {
    const line: LinePoint[] = [];
    for (const { timeMs, latDeg, lonDeg } of this.#states) {
      if (timeMs < fromMs || timeMs > toMs) continue;
      const last = line.at(-1);
      if (last === undefined || distanceM(last[0], last[1], latDeg, lonDeg) > 0.3) line.push([latDeg, lonDeg]);
    }
    return line;
  }

  /** Where the vehicle stood for at least so long. */
  stopsOf(stoodMs: number): { latDeg: number; lonDeg: number }[] {
    const stops: { latDeg: number; lonDeg: number }[] = [];
    let since: VehicleState | undefined;
    let isTold = false;
    for (const state of this.#states) {
      if (since === undefined || state.odometerM > since.odometerM) {
        since = state;
        isTold = false;
      } else if (!isTold && state.timeMs - since.timeMs >= stoodMs) {
        stops.push({ latDeg: state.latDeg, lonDeg: state.lonDeg });
        isTold = true;
      }
    }
    return stops;
  }

  /** The stays inside a fence. */
  visitsOf(fence: ScoredFence): TrueVisit[] {
    const stays: (TrueVisit & { depthM: number })[] = [];
    for (const { timeMs, latDeg, lonDeg } of this.#states) {
      const depthM = fence.radiusM - distanceM(latDeg, lonDeg, fence.latDeg, fence.lonDeg);
      if (depthM <= 0) continue;
      const stay = stays.at(-1);
      if (stay === undefined || timeMs - stay.exitedAtMs > MIN_OUTSIDE_MS)
        stays.push({ fenceId: fence.fenceId, enteredAtMs: timeMs, exitedAtMs: timeMs, due: false, depthM });
      else {
        stay.exitedAtMs = timeMs;
        stay.depthM = Math.max(stay.depthM, depthM);
      }
    }
    const endMs = this.toMs - AFTER_MS_MIN;
    return stays.map(({ depthM, ...stay }) => ({
      ...stay,
      due: stay.exitedAtMs - stay.enteredAtMs >= DUE_MS_MIN && depthM >= DUE_DEPTH_M_MIN && stay.exitedAtMs < endMs,
    }));
  }
}
