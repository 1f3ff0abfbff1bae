import { type DeviceFold, foldFixes, foldInitial } from "../fold.ts";
import type { DeviceStage, Fix, StreamEvent } from "../stage.ts";
import { FenceSet, type FenceVersion } from "./fence-set.ts";
import { geofenceStage } from "./geofence-stage.ts";
import { METRES_PER_DEG } from "./shape.ts";

/** Drives along a line past a fence, folded frame by frame, for tests. */

export const START_MS = Date.UTC(2026, 10, 2, 8);

/** A circle of 100 m around the origin; `eastM` of a fix is its distance from there. */
export const circle = (change: Partial<FenceVersion> = {}, rule: Partial<FenceVersion["rule"]> = {}): FenceVersion => ({
  ...{ fenceId: 1, version: 1, validFromMs: 0, validToMs: Number.POSITIVE_INFINITY },
  rule: {
    ...{ shape: { kind: "circle", latDeg: 0, lonDeg: 0, radiusM: 100 }, name: "yard", dwellMs: null },
    ...{ minInsideMs: 10_000, minOutsideMs: 30_000, maxGapMs: 300_000, ...rule },
  },
  ...change,
});

export type At = readonly [second: number, eastM: number];

export function fixAt([second, eastM]: At): Fix {
  return {
    ...{
      fixId: 0,
      deviceId: 7,
      fixTimeMs: START_MS + second * 1000,
      dated: true,
      receivedAtMs: 0,
      fingerprint: second,
    },
    ...{
      protocol: "teltonika",
      late: false,
      clockFault: null,
      deviceTimeMs: null,
      smoothed: null,
      matched: null,
      trackM: null,
      cell: null,
      kind: "fix",
      valid: true,
    },
    ...{ latDeg: 0, lonDeg: eastM / METRES_PER_DEG, altitudeM: null, speedMps: null, headingDeg: null, satellites: 8 },
    ...{ hdop: null, accuracyM: 15, event: null, buffered: false, attributes: {} },
  };
}

export type Folded = { events: StreamEvent[]; fold: DeviceFold };

/** Folds frames of fixes; each is received as its newest fix is made, or later where it was kept back. */
export function track(frames: readonly (readonly At[])[], fences: readonly FenceVersion[] = [circle()]): Folded {
  const set = new FenceSet(fences);
  let fold = foldInitial;
  let nowMs = 0;
  const events: StreamEvent[] = [];
  for (const [index, frame] of frames.entries()) {
    const seq = index + 1;
    nowMs = Math.max(nowMs, ...frame.map(([second]) => START_MS + second * 1000));
    const fixes = frame.map((at, n) => ({ ...fixAt(at), fixId: seq * 1024 + n, receivedAtMs: nowMs }));
    const head = { seq, deviceId: 7, protocol: "teltonika" as const, receivedAtMs: nowMs, bytes: new Uint8Array() };
    const input = { frame: head, fixes, isKnown: () => false };
    const result = foldFixes(fold, input, [geofenceStage as DeviceStage], { fences: set });
    // The store keeps states as JSON.
    fold = JSON.parse(JSON.stringify(result.fold)) as DeviceFold;
    events.push(...result.events);
  }
  return { events, fold };
}

/** Every fix in a frame of its own. */
export const live = (path: readonly At[], fences?: readonly FenceVersion[]): StreamEvent[] =>
  track(
    path.map((at) => [at]),
    fences,
  ).events;

export const told = (events: readonly StreamEvent[]): [string, number][] =>
  events.map(({ type, occurredAtMs }) => [type.replace("geofence.", ""), Math.round((occurredAtMs - START_MS) / 1000)]);

/** A fix every `stepS` seconds on the way at 10 m/s. */
export const drive = (fromS: number, fromM: number, toM: number, stepS = 5): At[] =>
  Array.from({ length: Math.floor(Math.abs(toM - fromM) / 10 / stepS) + 1 }, (_, n) => [
    fromS + n * stepS,
    fromM + Math.sign(toM - fromM) * n * stepS * 10,
  ]);
export const stand = (fromS: number, toS: number, eastM: number, stepS = 10): At[] =>
  Array.from({ length: Math.floor((toS - fromS) / stepS) + 1 }, (_, n) => [fromS + n * stepS, eastM]);

export const visit: At[] = [...drive(0, -600, 0), ...stand(70, 300, 0), ...drive(310, 0, 600)];
