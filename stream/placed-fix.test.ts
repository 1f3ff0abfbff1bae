import { expect, test } from "vitest";
import { foldFixes, foldInitial } from "./fold.ts";
import { matchStage } from "./match/match-stage.ts";
import { drive, TWO_STREETS } from "./match/sample-drives.ts";
import { StreamRoads } from "./match/stream-roads.ts";
import { believedSpeedMps, isPlaced } from "./placed-fix.ts";
import { drawRoads, lineOf } from "./roads/sample-roads.ts";
import { smoothStage } from "./smooth/smooth-stage.ts";
import type { DeviceStage, Fix } from "./stage.ts";
import { sampleOf } from "./trip/sample.ts";

const FIXES = drive(lineOf("-150,0 0,0 500,0"), 12, 2).map(
  ({ timeMs, lat, lon, headingDeg }, n): Fix => ({
    ...{ fixId: 1024 + n, deviceId: 7, fixTimeMs: timeMs, dated: true, receivedAtMs: timeMs, fingerprint: n },
    ...{ protocol: "osmand", late: false, clockFault: null, deviceTimeMs: null, smoothed: null, matched: null },
    ...{ trackM: null, cell: null, kind: "fix", valid: true, latDeg: lat, lonDeg: lon, altitudeM: null },
    ...{ speedMps: null, headingDeg, satellites: 9, hdop: null, accuracyM: 5, event: null, buffered: false },
    attributes: {},
  }),
);

test("A speed that no vehicle has counts as none.", () => {
  expect([null, 0, 70, 18_204, Number.MAX_VALUE].map((speedMps) => believedSpeedMps({ speedMps }))).toEqual([
    ...[null, 0, 70],
    ...[null, null],
  ]);
});

test("A device that writes the largest number there is as its speed is smoothed, matched and judged as if it told none.", async () => {
  const roads = new StreamRoads(await drawRoads([...TWO_STREETS]));
  const stages = [smoothStage as DeviceStage, matchStage as DeviceStage];
  const follow = (speedMps: number | null) => {
    const frame = { seq: 1, deviceId: 7, protocol: "osmand" as const, receivedAtMs: 0, bytes: new Uint8Array() };
    const fixes = FIXES.map((fix) => ({ ...fix, speedMps }));
    const folded = foldFixes(foldInitial, { frame, fixes, isKnown: () => false }, stages, { roads });
    return folded.fixes.map((fix) => [fix.smoothed, fix.matched, fix.trackM, isPlaced(fix) && sampleOf(fix)]);
  };
  expect(follow(null)).toHaveLength(FIXES.length);
  expect(follow(Number.MAX_VALUE)).toEqual(follow(null));
  expect(follow(12)).not.toEqual(follow(null));
});
