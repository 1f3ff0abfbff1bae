import type { PathSegmentRow } from "#store/track-rows.ts";
import { type DeviceFold, foldFixes, foldInitial } from "../fold.ts";
import { drawRoads, way } from "../roads/sample-roads.ts";
import { smoothStage } from "../smooth/smooth-stage.ts";
import type { DeviceStage, Fix } from "../stage.ts";
import type { MatchFix } from "./match-fix.ts";
import { matchStage } from "./match-stage.ts";
import { drive, normalNoise, ROUND_THE_CORNER, TWO_STREETS } from "./sample-drives.ts";
import { StreamRoads } from "./stream-roads.ts";

/** Drives of one device folded frame by frame through smoothing and matching, for tests. */

/** Two streets that meet, and one beside the first. */
export const roads = new StreamRoads(await drawRoads([...TWO_STREETS, way(30, "0,80 500,80")]));

export const stages = [smoothStage as DeviceStage, matchStage as DeviceStage];

export function fixOf({ timeMs, lat, lon, speedMps, headingDeg }: MatchFix, fixId: number, receivedAtMs: number): Fix {
  return {
    ...{ fixId, deviceId: 7, fixTimeMs: timeMs, dated: true, receivedAtMs, fingerprint: timeMs, protocol: "teltonika" },
    ...{ late: false, clockFault: null, deviceTimeMs: null, smoothed: null, matched: null, trackM: null, cell: null },
    ...{ kind: "fix", valid: true, latDeg: lat, lonDeg: lon, altitudeM: null, speedMps, headingDeg, satellites: 9 },
    ...{ hdop: null, accuracyM: 5, event: null, buffered: false, attributes: {} },
  };
}

export type Folded = {
  fixes: Map<number, Fix>;
  segments: PathSegmentRow[];
  fold: DeviceFold;
  states: string[];
};

/** Folds frames, each received as it stands; between any two the state is kept as JSON when `stored`. */
export function fold(
  frames: readonly (readonly MatchFix[])[],
  stored: boolean,
  on: StreamRoads | null = roads,
): Folded {
  const result: Folded = { fixes: new Map(), segments: [], fold: foldInitial, states: [] };
  frames.forEach((frame, index) => {
    const seq = index + 1;
    const receivedAtMs = Math.max(...frames.slice(0, seq).flatMap((fixes) => fixes.map((fix) => fix.timeMs)));
    const fixes = frame.map((fix, n) => fixOf(fix, seq * 1024 + n, receivedAtMs));
    const head = { seq, deviceId: 7, protocol: "teltonika" as const, receivedAtMs, bytes: new Uint8Array() };
    const step = foldFixes(result.fold, { frame: head, fixes, isKnown: () => false }, stages, {
      roads: on ?? undefined,
    });
    result.fold = stored ? (JSON.parse(JSON.stringify(step.fold)) as DeviceFold) : step.fold;
    for (const fix of step.fixes) result.fixes.set(fix.fixTimeMs, fix);
    result.segments.push(...step.path);
    result.states.push(JSON.stringify(step.fold));
  });
  return result;
}

/** Fixes of a drive with white noise. */
export function noisy(line = ROUND_THE_CORNER, sigmaM = 4, intervalS = 2): MatchFix[] {
  const noise = normalNoise(5);
  return drive(line, 12, intervalS, () => [noise() * sigmaM, noise() * sigmaM]);
}
