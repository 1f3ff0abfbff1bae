import { expect, test } from "vitest";
import type { FixJson } from "./fix.ts";
import { searchUnits, stateOf, type Unit, unitsOf, withFix } from "./fleet.ts";

const NOON_MS = Date.UTC(2026, 10, 22, 12);
const THRESHOLDS = { delayedS: 60, staleS: 300, offlineS: 1_800 };

function fixOf(deviceUid: string, agoS: number, more: Partial<FixJson> = {}): FixJson {
  const time = new Date(NOON_MS - agoS * 1_000).toISOString();
  return {
    ...{ id: "1", deviceUid, protocol: "teltonika", time, receivedAt: time, valid: true, lat: 41, lon: -8 },
    ...{ altitudeM: null, speedMps: 9, headingDeg: 90, satellites: 9, hdop: null, accuracyM: null, event: null },
    ...{ attributes: {}, smoothed: null, matched: null, late: false },
    ...more,
  };
}

const unit = (fix: FixJson | null): Unit => ({
  ...{ id: "device a", name: "Van 7", kind: "teltonika", vehicleId: null, deviceUid: "a", fix },
});

test("A device in a vehicle is not listed beside it; names are in the order that people count.", () => {
  const units = unitsOf({
    vehicles: [{ id: "3", name: "Van 10", externalId: null, kind: "van", devices: [{ uid: "a" }, { uid: "b" }] }],
    devices: [
      { uid: "a", name: "tracker", protocol: "teltonika" },
      { uid: "b", name: "phone", protocol: "owntracks" },
      { uid: "c", name: "Van 9", protocol: "gt06" },
      { uid: "d", name: null, protocol: null },
    ],
    vehiclePositions: [{ ...fixOf("b", 5), vehicleId: "3", externalId: null }],
    positions: [fixOf("a", 900), fixOf("b", 5), fixOf("c", 5)],
  });
  expect(units.map(({ id, name, deviceUid, fix }) => [id, name, deviceUid, fix?.deviceUid])).toEqual([
    ["device d", "d", "d", undefined],
    ["device c", "Van 9", "c", "c"],
    ["vehicle 3", "Van 10", "b", "b"],
  ]);
});

test("A newer fix moves a unit; a late one, an older one, one without a place and one of another device do not.", () => {
  const before = unit(fixOf("a", 20));
  expect(withFix(before, fixOf("a", 5)).fix).toEqual(fixOf("a", 5));
  for (const fix of [
    fixOf("a", 5, { late: true }),
    fixOf("a", 30),
    fixOf("a", 5, { lat: null, lon: null, valid: false }),
    fixOf("b", 5),
  ]) {
    expect(withFix(before, fix)).toBe(before);
  }
});

test.each([
  [5, "live"],
  [60, "delayed"],
  [300, "stale"],
  [1_800, "offline"],
] as const)("A fix of %d s ago is %s, also without news: the age grows by itself.", (agoS, state) => {
  expect(stateOf(unit(fixOf("a", agoS)), NOON_MS, THRESHOLDS)).toBe(state);
  expect(stateOf(unit(fixOf("a", 0)), NOON_MS + agoS * 1_000, THRESHOLDS)).toBe(state);
});

test("A fix received late is as old as what it tells, and a unit without one was never heard.", () => {
  const buffered = fixOf("a", 400, { receivedAt: new Date(NOON_MS).toISOString() });
  expect(stateOf(unit(buffered), NOON_MS, THRESHOLDS)).toBe("stale");
  expect(stateOf(unit(null), NOON_MS, THRESHOLDS)).toBe("unheard");
});

test("A search finds units that have every word, in name, kind or device.", () => {
  const units = [unit(null), { ...unit(null), name: "Trailer", deviceUid: "3520" }];
  expect(searchUnits(units, "  TELTO van ").map(({ name }) => name)).toEqual(["Van 7"]);
  expect(searchUnits(units, "352").map(({ name }) => name)).toEqual(["Trailer"]);
  expect(searchUnits(units, "van 8")).toEqual([]);
});
