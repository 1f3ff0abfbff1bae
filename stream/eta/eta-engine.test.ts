import { beforeAll, expect, test } from "vitest";
import type { RoadNetwork } from "../roads/network-file.ts";
import { drawRoads, placeOf } from "../roads/sample-roads.ts";
import type { Eta, EtaRequest, EtaState, EtaStop, NoEta } from "./eta.ts";
import { EtaEngine } from "./eta-engine.ts";
import { type EtaModel, unlearnedModel } from "./eta-model.ts";
import { PARKING_MS } from "./learn-speeds.ts";
import { Legs } from "./leg.ts";

/** A street of 4 km with a parallel one 300 m to the north. Free flow on it: 7.08 m/s. */

const FLOW_MPS = (30 / 3.6) * 0.85;
/** Parking comes with every leg. */
const PARKING_S = PARKING_MS / 1000;
const T0 = Date.UTC(2026, 8, 9, 10);

let roads: RoadNetwork;

beforeAll(async () => {
  roads = await drawRoads([
    {
      id: 1,
      line: [
        [0, 0],
        [4_000, 0],
      ],
    },
    {
      id: 2,
      line: [
        [0, 300],
        [4_000, 300],
      ],
    },
    {
      id: 3,
      line: [
        [0, 0],
        [0, 300],
      ],
    },
    {
      id: 4,
      line: [
        [4_000, 0],
        [4_000, 300],
      ],
    },
  ]);
});

const at = (east: number, north = 0) => {
  const { lat, lon } = placeOf(east, north);
  return { latDeg: lat, lonDeg: lon };
};

const stopAt = (stopId: string, east: number, more: Partial<EtaStop> = {}): EtaStop => ({
  ...{ stopId, kind: "delivery" as const, ...at(east), windowStartMs: null, windowEndMs: null, promisedByMs: null },
  ...{ serviceS: 120, ...more },
});

const fixAt = (second: number, east: number, north = 0) => ({
  ...{ timeMs: T0 + second * 1000, ...at(east, north), headingDeg: 90, accuracyM: 5 },
});

const engineOf = (model: EtaModel = unlearnedModel("UTC"), network: RoadNetwork | null = roads) =>
  new EtaEngine({ legs: new Legs(network), model });

const request = (state: EtaState | null, stops: readonly EtaStop[], more: Partial<EtaRequest> = {}): EtaRequest => ({
  ...{ nowMs: T0, heardMs: T0, stops, state, serving: null, start: null, ...more },
});

const eta = (answer: Eta | NoEta | undefined): Eta => {
  if (answer?.kind !== "eta") throw new Error("no ETA");
  return answer;
};

test("an ETA is the way's time, with bounds on both sides that widen from stop to stop", () => {
  const engine = engineOf();
  const state = engine.setOff(at(0), T0, null);
  const [first, second] = engine.estimate(request(state, [stopAt("a", 1_000), stopAt("b", 3_000)])).map(eta);
  expect((first!.expectedMs - T0) / 1000).toBeCloseTo(1_000 / FLOW_MPS + PARKING_S, 0);
  const servedS = (second!.expectedMs - first!.expectedMs) / 1000 - 2_000 / FLOW_MPS;
  expect(servedS).toBeGreaterThan(100);
  expect(servedS).toBeLessThan(200);
  for (const { p10Ms, p50Ms, p90Ms } of [first!, second!]) {
    expect(p10Ms).toBeLessThan(p50Ms);
    expect(p50Ms).toBeLessThan(p90Ms);
  }
  expect(second!.p90Ms - second!.p10Ms).toBeGreaterThan(first!.p90Ms - first!.p10Ms);
  expect(first!.basis).toBe("live");
});

test("progress moves along the way, and what was driven against what was expected is a sample of traffic", () => {
  const engine = engineOf();
  const stops = [stopAt("a", 3_000)];
  const { state, move, sample } = engine.follow(engine.setOff(at(0), T0, null), stops, fixAt(20, 100, 8));
  expect(move).toBe("along");
  expect(state.alongM).toBeCloseTo(100, 0);
  expect(sample).toMatchObject({ drivenS: 20, expectedS: expect.closeTo(100 / FLOW_MPS, 0) });
  const [later] = engine.estimate(request(state, stops, { nowMs: T0 + 20_000, heardMs: T0 + 20_000 })).map(eta);
  expect((later!.expectedMs - T0) / 1000 - 20).toBeCloseTo(2_900 / FLOW_MPS + PARKING_S, -1);
  expect(engine.follow(state, stops, fixAt(20, 200)).move).toBe("ignored");
});

test("a vehicle beside its way is believed on the third fix and gets a new way", () => {
  const engine = engineOf();
  const stops = [stopAt("a", 3_900)];
  let { state } = engine.follow(engine.setOff(at(0), T0, null), stops, fixAt(60, 500));
  const moves = [70, 80, 90].map((second) => {
    const followed = engine.follow(state, stops, fixAt(second, second * 8, 300));
    state = followed.state;
    return followed.move;
  });
  expect(moves).toEqual(["beside", "beside", "rerouted"]);
  expect(state).toMatchObject({ alongM: 0, origin: at(720, 300) });
});

test("a state that went through JSON in another process gives the same ETAs", () => {
  const [one, other] = [engineOf(), engineOf()];
  const stops = [stopAt("a", 3_000), stopAt("b", 3_900)];
  const { state } = one.follow(one.setOff(at(0), T0, null), stops, fixAt(30, 150));
  const copy = JSON.parse(JSON.stringify(state)) as EtaState;
  expect(other.estimate(request(copy, stops))).toEqual(one.estimate(request(state, stops)));
});

test("a silent vehicle's ETA widens and is degraded; past all hope there is none, with the reason", () => {
  const engine = engineOf();
  const state = engine.setOff(at(0), T0, null);
  const stops = [stopAt("a", 3_000)];
  const width = ({ p10Ms, p90Ms }: Eta) => p90Ms - p10Ms;
  const live = eta(engine.estimate(request(state, stops))[0]);
  const silent = eta(engine.estimate(request(state, stops, { nowMs: T0 + 240_000 }))[0]);
  expect(silent.basis).toBe("degraded");
  expect(width(silent)).toBeGreaterThan(width(live) * 1.2);
  const overdue = eta(engine.estimate(request(state, stops, { nowMs: T0 + 900_000 }))[0]);
  expect(overdue.p50Ms).toBeGreaterThanOrEqual(T0 + 900_000);
  const given = engine.estimate(request(state, stops, { nowMs: T0 + 3 * 3_600_000 }))[0];
  expect(given).toMatchObject({ kind: "none", absence: "data gap" });
});

test("whoever comes before the window waits, and the wait swallows uncertainty", () => {
  const engine = engineOf();
  const state = engine.setOff(at(0), T0, null);
  const opensMs = T0 + 3_600_000;
  const stops = [stopAt("a", 1_000, { windowStartMs: opensMs }), stopAt("b", 2_000)];
  const [first, second] = engine.estimate(request(state, stops)).map(eta);
  expect(first!.expectedMs).toBeLessThan(T0 + 300_000);
  expect(second!.expectedMs).toBeGreaterThan(opensMs + 1_000_000 / FLOW_MPS);
  const free = engine.estimate(request(state, [stopAt("a", 1_000), stopAt("b", 2_000)])).map(eta);
  expect(second!.spreadS).toBeLessThan(free[1]!.spreadS);
});

test("while a stop is served, what is left of the service counts", () => {
  const engine = engineOf();
  const serving = { stop: stopAt("a", 1_000), arrivedMs: T0 - 60_000 };
  const next = [stopAt("b", 2_000)];
  const early = eta(engine.estimate(request(null, next, { serving }))[0]);
  const driveMs = 1_000_000 / FLOW_MPS;
  expect(early.expectedMs).toBeGreaterThan(T0 + driveMs + 30_000);
  expect(early.expectedMs).toBeLessThan(T0 + driveMs + 200_000);
  const late = eta(engine.estimate(request(null, next, { serving, nowMs: T0 + 600_000, heardMs: T0 + 600_000 }))[0]);
  expect(late.expectedMs).toBeGreaterThan(T0 + 600_000 + driveMs);
});

test("before the start ETAs are planned; without a start there are none, with the reason", () => {
  const engine = engineOf();
  const start = { place: at(0), atMs: T0 + 7_200_000 };
  const planned = eta(engine.estimate(request(null, [stopAt("a", 1_000)], { start }))[0]);
  expect(planned.basis).toBe("planned");
  expect((planned.expectedMs - start.atMs) / 1000).toBeCloseTo(1_000 / FLOW_MPS + PARKING_S, 0);
  expect(engine.estimate(request(null, [stopAt("a", 1_000)]))[0]).toMatchObject({ kind: "none", absence: "no start" });
});

test("learned speeds and traffic now lengthen the way; traffic fades into the future", () => {
  const stops = [stopAt("a", 3_000)];
  const plain = unlearnedModel("UTC");
  const slow: EtaModel = { ...plain, speeds: { ...plain.speeds, segments: { "1f": 2 } } };
  const travelMs = (engine: EtaEngine) =>
    eta(engine.estimate(request(engine.setOff(at(0), T0, null), stops))[0]).expectedMs - T0;
  expect(travelMs(engineOf(slow)) / travelMs(engineOf())).toBeCloseTo(2, 1);
  const jammed = engineOf();
  for (let n = 0; n < 50; n++) jammed.observeTraffic({ ...at(1_500), timeMs: T0, drivenS: 60, expectedS: 30 });
  expect(travelMs(jammed) / travelMs(engineOf())).toBeGreaterThan(1.4);
  const lateStart = { start: { place: at(0), atMs: T0 + 6 * 3_600_000 } };
  const later = eta(jammed.estimate(request(null, stops, lateStart))[0]).expectedMs - T0 - 6 * 3_600_000;
  expect(later / travelMs(engineOf())).toBeCloseTo(1, 1);
});

test("without roads ETAs are straight lines with a detour, and wider", () => {
  const bare = engineOf(unlearnedModel("UTC"), null);
  const state = bare.setOff(at(0), T0, null);
  const stops = [stopAt("a", 3_000)];
  const one = eta(bare.estimate(request(state, stops))[0]);
  expect(one.expectedMs).toBeGreaterThan(T0 + 300_000);
  const onRoads = eta(engineOf().estimate(request(engineOf().setOff(at(0), T0, null), stops))[0]);
  expect(one.spreadS).toBeGreaterThan(onRoads.spreadS * 1.5);
  const { state: moved, move } = bare.follow(state, stops, fixAt(60, 1_000));
  expect(move).toBe("along");
  const nearer = eta(bare.estimate(request(moved, stops, { nowMs: T0 + 60_000, heardMs: T0 + 60_000 }))[0]);
  expect(nearer.expectedMs - T0 - 60_000).toBeLessThan((one.expectedMs - T0) * 0.7);
});

test("the share of late outcomes falls with the promise and is a half at the median", () => {
  const engine = engineOf();
  const one = eta(engine.estimate(request(engine.setOff(at(0), T0, null), [stopAt("a", 3_000)]))[0]);
  expect(engine.lateShare(one, one.p50Ms)).toBeCloseTo(0.5, 1);
  expect(engine.lateShare(one, one.p90Ms)).toBeCloseTo(0.1, 1);
  expect(engine.lateShare(one, one.p90Ms + 3_600_000)).toBeLessThan(0.02);
});
