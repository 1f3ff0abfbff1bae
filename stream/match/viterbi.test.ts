import fc from "fast-check";
import { expect, test } from "vitest";
import { compileRoadBytes } from "../roads/build.ts";
import type { OsmElement } from "../roads/osm-elements.ts";
import { drawRoads, lineOf, viewOf, way } from "../roads/sample-roads.ts";
import { MatchState, restoreMatchState, serialiseMatchState } from "./match-state.ts";
import type { PathStep } from "./path-tree.ts";
import { answerLive, drive, GRID, positionsOnly, signedWay, wanderingNoise } from "./sample-drives.ts";
import { Viterbi } from "./viterbi.ts";

type Roads = Parameters<typeof restoreMatchState>[1];

const TOUR = [
  [0, 90],
  [180, 90],
  [180, 270],
  [360, 270],
  [360, 450],
  [540, 450],
  [540, 90],
  [270, 90],
] as const;

test("The first fix of a drive is answered with the street and, where the heading tells, its direction.", async () => {
  const roads = await drawRoads(GRID);
  expect(answerLive(roads, drive(lineOf("400,92 300,92"), 10).slice(0, 1))).toEqual([-11]);
});

test("Every fix has an answer at once, and nearly all are right in a street grid with wandering noise.", async () => {
  const roads = await drawRoads(GRID);
  const exact = answerLive(roads, drive(TOUR, 10));
  const answered = answerLive(roads, drive(TOUR, 10, 1, wanderingNoise(5, 0.95, 11)));
  expect(answered.filter((way, i) => way === exact[i]).length / exact.length).toBeGreaterThan(0.93);
});

test("A state that served another device is kept as a new one once it is cleared.", async () => {
  const viterbi = new Viterbi(await drawRoads(GRID));
  const used = new MatchState();
  for (const fix of drive(TOUR, 9)) viterbi.step(used, fix, () => {});
  used.stoodLatE7 = 1;
  used.stoodLonE7 = 2;
  used.clear();
  expect(serialiseMatchState(used, 7, () => {})).toEqual(serialiseMatchState(new MatchState(), 7, () => {}));
});

test("A device restored from its bytes after every fix gives the same answers and the same path.", async () => {
  const roads = await drawRoads(GRID);
  const fixes = drive(TOUR, 9, 1, wanderingNoise(8, 0.9, 5));
  const viterbi = new Viterbi(roads);
  const [whole, pieces]: [PathStep[], PathStep[]] = [[], []];
  const kept = new MatchState();
  let restored = new MatchState();
  let largest = 0;
  for (const fix of fixes) {
    const expected = { ...viterbi.step(kept, fix, (step) => whole.push(step)) };
    const bytes = serialiseMatchState(restored, roads.fingerprint, (step) => pieces.push(step));
    largest = Math.max(largest, bytes.length);
    restored = restoreMatchState(bytes, roads)!;
    expect(viterbi.step(restored, fix, (step) => pieces.push(step))).toEqual(expected);
  }
  viterbi.finish(kept, (step) => whole.push(step));
  viterbi.finish(restored, (step) => pieces.push(step));
  expect(pieces).toEqual(whole);
  expect(largest).toBeLessThanOrEqual(4096);
});

test("A state of other roads, of another version or cut short is refused.", async () => {
  const state = new MatchState();
  const bytes = serialiseMatchState(state, 7, () => {});
  const [own, other] = [7, 8].map((fingerprint) => ({ fingerprint, edgeFrom: new Uint32Array(3) })) as [Roads, Roads];
  expect(restoreMatchState(bytes, own)).toBeDefined();
  expect(restoreMatchState(bytes, other)).toBeUndefined();
  expect(restoreMatchState(bytes.subarray(0, bytes.length - 1), own)).toBeUndefined();
  expect(restoreMatchState(bytes.subarray(0, 5), own)).toBeUndefined();
});

test("A state that is damaged anywhere is refused or does no harm: no answer off the network's edges, no path in a circle.", async () => {
  const roads = await drawRoads(GRID);
  const viterbi = new Viterbi(roads);
  const fixes = positionsOnly(drive(TOUR, 9, 10, wanderingNoise(15, 0.9, 5)));
  const state = new MatchState();
  for (const fix of fixes.slice(0, 8)) viterbi.step(state, fix, () => {});
  const bytes = serialiseMatchState(state, roads.fingerprint, () => {});
  expect(state.count).toBeGreaterThan(2);
  expect(state.tree.used).toBeGreaterThan(5);
  let refused = 0;
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    const restored = restoreMatchState(damaged, roads);
    if (restored === undefined) refused++;
    else {
      const steps: PathStep[] = [];
      const answer = viterbi.step(restored, fixes[8]!, (step) => steps.push(step));
      viterbi.finish(restored, (step) => steps.push(step));
      for (const edge of [answer.directed, ...steps.map((step) => step.edge)])
        expect(edge >= -1 && edge < roads.edgeFrom.length * 2, `bit ${bit}`).toBe(true);
    }
  }
  expect(refused).toBeGreaterThan(bytes.length / 4);
});

test("The path is decided long before the end of a drive, in order, and memory stays bounded.", async () => {
  const roads = await drawRoads(GRID);
  const viterbi = new Viterbi(roads);
  const state = new MatchState();
  const steps: PathStep[] = [];
  const lap = [...TOUR, [270, 180], [0, 180], [0, 90]] as const;
  const fixes = Array.from({ length: 8 }, () => drive(lap, 10, 2))
    .flat()
    .map((fix, i) => ({ ...fix, timeMs: i * 2000 }));
  let nodes = 0;
  for (const fix of fixes) {
    viterbi.step(state, fix, (step) => steps.push(step));
    nodes = Math.max(nodes, state.tree.used);
  }
  expect(steps.length).toBeGreaterThan(100);
  expect(nodes).toBeLessThanOrEqual(90);
  expect(steps.map((step) => step.fix)).toEqual(steps.map((step) => step.fix).sort((a, b) => a - b));
});

test("Where a fast and a slow road run side by side, a speed that the slow one has never seen tells which it is.", async () => {
  const roads = await drawRoads([
    way(1, "-2000,0 2000,0", { highway: "motorway", maxspeed: "120" }),
    way(2, "-2000,10 2000,10", { highway: "service", maxspeed: "30", oneway: "yes" }),
  ]);
  const between = drive(lineOf("-100,6 100,6"), 30).slice(0, 3);
  expect(answerLive(roads, between).at(-1)).toBe(1);
  const slowly = between.map((fix) => ({ ...fix, speedMps: 8 }));
  expect(answerLive(roads, slowly.slice(0, 1))).toEqual([2]);
});

test("Fixes without speed and heading are matched too, and a fix that is not newer changes nothing.", async () => {
  const roads = await drawRoads(GRID);
  const fixes = positionsOnly(drive(TOUR, 10, 5));
  const exact = answerLive(roads, drive(TOUR, 10, 5));
  const answered = answerLive(roads, fixes);
  expect(answered.filter((way, i) => Math.abs(way) === Math.abs(exact[i]!)).length / exact.length).toBeGreaterThan(
    0.85,
  );
  const viterbi = new Viterbi(roads);
  const state = new MatchState();
  for (const fix of fixes.slice(0, 10)) viterbi.step(state, fix, () => {});
  const before = serialiseMatchState(state, 0, () => {});
  viterbi.step(state, fixes[3]!, () => {});
  expect(serialiseMatchState(state, 0, () => {}).subarray(16)).toEqual(before.subarray(16));
});

test("Where a way is cut by a side street both parts speak for it: the answer is as sure as that it is this way.", async () => {
  const roads = await drawRoads([way(1, "-400,0 0,0 400,0", { oneway: "yes" }), way(2, "0,0 0,-300")]);
  const viterbi = new Viterbi(roads);
  const [fix] = drive(lineOf("0,1 10,1"), 10);
  const answer = viterbi.step(new MatchState(), fix!, () => {});
  expect(signedWay(roads, answer)).toBe(1);
  expect(answer.confidence).toBeGreaterThan(0.9);
});

test("A drive over the date line is matched at once on the other side, as on this one.", async () => {
  const places = [179.97, 180, -180, -179.97].map(
    (lon, i): OsmElement => ({ type: "node", id: i + 1, lat: -16.8, lon }),
  );
  const ways = [1, 2].map((id): OsmElement => {
    return { type: "way", id, refs: [2 * id - 1, 2 * id], tags: { highway: "primary" } };
  });
  const roads = viewOf(
    await compileRoadBytes(async (take) => {
      for (const element of [...places, ...ways]) take(element);
    }),
  );
  const fixes = Array.from({ length: 40 }, (_, i) => {
    const lon = 179.98 + i * 0.001;
    const place = { lat: -16.80002, lon: lon > 180 ? lon - 360 : lon };
    return { ...place, timeMs: i * 5_000, speedMps: 21, headingDeg: 90, accuracyM: Number.NaN };
  });
  for (const drive of [fixes, positionsOnly(fixes)])
    expect(answerLive(roads, drive).map(Math.abs)).toEqual(fixes.map(({ lon }) => (lon > 0 ? 1 : 2)));
});

test("No sequence of fixes, however absurd, makes an answer that is not finite or a state that does not fit.", async () => {
  const roads = await drawRoads(GRID);
  const viterbi = new Viterbi(roads);
  const near = fc.record({
    lat: fc.double({ min: 41.149, max: 41.158, noNaN: true }),
    lon: fc.double({ min: -8.612, max: -8.6, noNaN: true }),
  });
  const far = fc.record({
    lat: fc.double({ min: -90, max: 90, noNaN: true }),
    lon: fc.double({ min: -180, max: 180, noNaN: true }),
  });
  const fixes = fc.array(
    fc.record({
      place: fc.oneof({ weight: 8, arbitrary: near }, { weight: 1, arbitrary: far }),
      dtMs: fc.oneof(fc.integer({ min: 1, max: 60_000 }), fc.constantFrom(0, -5000, 1, 1e7, 1e12)),
      speedMps: fc.oneof(fc.constant(Number.NaN), fc.double({ min: 0, max: 200, noNaN: true })),
      headingDeg: fc.oneof(fc.constant(Number.NaN), fc.double({ min: 0, max: 360, noNaN: true })),
      accuracyM: fc.oneof(fc.constant(Number.NaN), fc.double({ min: 0.01, max: 10_000, noNaN: true })),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(fixes, (drive) => {
      const state = new MatchState();
      let timeMs = 1.7e12;
      for (const { place, dtMs, ...rest } of drive) {
        timeMs += dtMs;
        const answer = viterbi.step(state, { ...place, ...rest, timeMs }, () => {});
        expect(answer.confidence).toBeGreaterThanOrEqual(0);
        expect(answer.confidence).toBeLessThanOrEqual(1.0001);
        if (answer.directed >= 0) expect(Number.isFinite(answer.latE7 + answer.lonE7 + answer.offsetM)).toBe(true);
        for (let i = 0; i < state.count * 17; i++) expect(Number.isNaN(state.hypotheses[i])).toBe(false);
      }
      expect(serialiseMatchState(state, 0, () => {}).length).toBeLessThanOrEqual(4096);
    }),
    { numRuns: 150 },
  );
});
