import type { Fix } from "../stage.ts";
import type { FenceVersion } from "./fence-set.ts";
import type { FenceRule } from "./parse-feature.ts";
import { METRES_PER_DEG, RADIANS_PER_DEG, type Shape } from "./shape.ts";
import { signedDistanceM } from "./signed-distance.ts";

/**
 * Vehicles that visit fenced stops, with the truth beside what their receivers say: the error of each axis is a first-order
 * autoregressive process, as between buildings, and uploads are interrupted, so that batches come late, some backwards.
 */

export type Random = () => number;

/** A stay inside a fence, in truth. `due`: long and deep enough that it must be found; others may be. */
export type TrueVisit = { fenceId: number; enteredAtMs: number; exitedAtMs: number; due: boolean };

export type SimulatedDay = {
  fences: readonly FenceVersion[];
  frames: readonly (readonly Fix[])[];
  truth: readonly TrueVisit[];
};

export const NOISE_SIGMA_M = 15;
const NOISE_KEEPS_S = 40;
const START_MS = Date.UTC(2026, 10, 2, 6);
const CITY = { latDeg: 41.15, lonDeg: -8.61, sizeM: 9_000 };
const FENCES_APART_M = 700;
const SAMPLING_S = [1, 2, 5, 10, 30] as const;
const RECORDS_PER_FRAME = 25;
const OUTAGES_PER_S = 0.0003;
const DUE_S_MIN = 60;
const DUE_DEPTH_M_MIN = 15;

type Site = { east: number; north: number };
type TrueState = Site & { second: number };

/** Mulberry32: small, and the same everywhere. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One vehicle that stops in `visits` fences, one after the other. */
export function simulateDay(random: Random, deviceId: number, visits: number): SimulatedDay {
  const sites = placeSites(random, visits + 1);
  const fences = sites.map((site, index) => fenceAround(random, site, deviceId * 1000 + index));
  const states = drive(random, sites, fences);
  return { fences, frames: upload(random, record(random, states, deviceId)), truth: truthOf(states, fences) };
}

function placeSites(random: Random, count: number): Site[] {
  const sites: Site[] = [];
  while (sites.length < count) {
    const site = { east: (random() - 0.5) * CITY.sizeM, north: (random() - 0.5) * CITY.sizeM };
    if (sites.every((other) => apartM(site, other) > FENCES_APART_M)) sites.push(site);
  }
  return sites;
}

function fenceAround(random: Random, site: Site, fenceId: number): FenceVersion {
  const radiusM = 60 + random() * 90;
  const rule: FenceRule = {
    ...{ shape: shapeAround(random, site, radiusM), name: `stop ${fenceId}` },
    ...{ minInsideMs: 10_000, minOutsideMs: 30_000, maxGapMs: 300_000, dwellMs: null },
  };
  return { fenceId, version: 1, rule, validFromMs: 0, validToMs: Number.POSITIVE_INFINITY };
}

function shapeAround(random: Random, site: Site, radiusM: number): Shape {
  if (random() < 0.5) return { kind: "circle", ...degreesOf(site), radiusM };
  if (random() < 0.3) {
    const ends = [-1, 1].map((side) => degreesOf({ east: site.east + side * radiusM, north: site.north }));
    const line = Float64Array.from(ends.flatMap(({ latDeg, lonDeg }) => [lonDeg, latDeg]));
    return { kind: "corridor", line, widthM: radiusM * 2 };
  }
  const corners = Array.from({ length: 8 }, (_, corner) => {
    const angle = (corner / 8) * 2 * Math.PI;
    const reachM = radiusM * (1 + random() * 0.4);
    return degreesOf({ east: site.east + reachM * Math.cos(angle), north: site.north + reachM * Math.sin(angle) });
  });
  const ring = [...corners, corners[0]!].flatMap(({ latDeg, lonDeg }) => [lonDeg, latDeg]);
  return { kind: "area", polygons: [[Float64Array.from(ring)]] };
}

/** Second by second: to each site, with stops at lights, sometimes beside a fence, and a stay inside. */
function drive(random: Random, sites: readonly Site[], fences: readonly FenceVersion[]): TrueState[] {
  const states: TrueState[] = [];
  let at: Site = { east: sites[0]!.east + 400, north: sites[0]!.north };
  const stand = (seconds: number): void => {
    for (let s = 0; s < seconds; s++) states.push({ ...at, second: states.length });
  };
  const goTo = (target: Site): void => {
    const speedMps = 6 + random() * 9;
    while (apartM(at, target) > speedMps) {
      const share = speedMps / apartM(at, target);
      at = { east: at.east + (target.east - at.east) * share, north: at.north + (target.north - at.north) * share };
      states.push({ ...at, second: states.length });
      if (random() < 0.004 && fences.every((fence) => depthM(fence, at) < -40)) stand(10 + random() * 50);
    }
  };
  for (const [index, site] of sites.entries()) {
    if (random() < 0.4) {
      goTo(besideFence(random, site, fences[index]!));
      stand(60 + random() * 240);
    }
    goTo({ east: site.east + (random() - 0.5) * 50, north: site.north + (random() - 0.5) * 50 });
    stand(90 + random() * 600);
  }
  goTo({ east: at.east + 900, north: at.north });
  stand(120);
  return states;
}

/** A place 35 to 80 m outside the fence: next door. */
function besideFence(random: Random, site: Site, fence: FenceVersion): Site {
  const angle = random() * 2 * Math.PI;
  const outM = 35 + random() * 45;
  for (let reachM = 60; ; reachM += 2) {
    const place = { east: site.east + reachM * Math.cos(angle), north: site.north + reachM * Math.sin(angle) };
    if (depthM(fence, place) <= -outM) return place;
  }
}

function truthOf(states: readonly TrueState[], fences: readonly FenceVersion[]): TrueVisit[] {
  // A stay that goes on when the day ends has no departure that could be told of.
  const endMs = START_MS + states.at(-1)!.second * 1000;
  return fences.flatMap((fence) => {
    const stays: (TrueVisit & { depth: number })[] = [];
    for (const state of states) {
      const depth = depthM(fence, state);
      if (depth <= 0) continue;
      const atMs = START_MS + state.second * 1000;
      const stay = stays.at(-1);
      if (stay === undefined || atMs - stay.exitedAtMs > fence.rule.minOutsideMs) {
        stays.push({ fenceId: fence.fenceId, enteredAtMs: atMs, exitedAtMs: atMs, due: false, depth });
      } else {
        stay.exitedAtMs = atMs;
        stay.depth = Math.max(stay.depth, depth);
      }
    }
    return stays.map(({ depth, ...stay }) => ({
      ...stay,
      due:
        stay.exitedAtMs - stay.enteredAtMs >= DUE_S_MIN * 1000 && depth >= DUE_DEPTH_M_MIN && stay.exitedAtMs < endMs,
    }));
  });
}

function record(random: Random, states: readonly TrueState[], deviceId: number): Fix[] {
  const everyS = SAMPLING_S[Math.floor(random() * SAMPLING_S.length)] as number;
  const accuracyM = random() < 0.5 ? NOISE_SIGMA_M * 1.5 : null;
  const keep = Math.exp(-1 / NOISE_KEEPS_S);
  const spread = NOISE_SIGMA_M * Math.sqrt(1 - keep * keep);
  const error = { east: gaussian(random) * NOISE_SIGMA_M, north: gaussian(random) * NOISE_SIGMA_M };
  const fixes: Fix[] = [];
  for (const state of states) {
    error.east = error.east * keep + gaussian(random) * spread;
    error.north = error.north * keep + gaussian(random) * spread;
    if (state.second % everyS !== 0) continue;
    const place = degreesOf({ east: state.east + error.east, north: state.north + error.north });
    fixes.push({
      ...{
        fixId: 0,
        deviceId,
        fixTimeMs: START_MS + state.second * 1000,
        dated: true,
        receivedAtMs: 0,
        fingerprint: state.second,
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
        ...place,
      },
      ...{ altitudeM: null, speedMps: null, headingDeg: null, satellites: 8, hdop: null, accuracyM, event: null },
      ...{ buffered: false, attributes: {} },
    });
  }
  return fixes;
}

/** Fixes go up as they come but in outages: those come later, in batches among the live ones, half the time backwards. */
function upload(random: Random, fixes: readonly Fix[]): Fix[][] {
  const frames: Fix[][] = [];
  let stored: Fix[][] = [];
  let buffer: Fix[] = [];
  let outageUntilMs = 0;
  let lastMs = START_MS;
  const send = (frame: readonly Fix[], nowMs: number): void => {
    const seq = frames.length + 1;
    frames.push(frame.map((fix, index) => ({ ...fix, fixId: seq * 1024 + index, receivedAtMs: nowMs + 1000 })));
  };
  for (const fix of fixes) {
    const nowMs = fix.fixTimeMs;
    if (nowMs < outageUntilMs) {
      buffer.push(fix);
      continue;
    }
    const stepMs = nowMs - lastMs;
    lastMs = nowMs;
    if (buffer.length > 0) {
      const batches = Array.from({ length: Math.ceil(buffer.length / RECORDS_PER_FRAME) }, (_, batch) =>
        buffer.slice(batch * RECORDS_PER_FRAME, (batch + 1) * RECORDS_PER_FRAME),
      );
      stored = [...stored, ...(random() < 0.5 ? batches : batches.reverse())];
      buffer = [];
    }
    send([fix], nowMs);
    if (stored.length > 0) send(stored.shift()!, nowMs);
    else if (random() < 1 - (1 - OUTAGES_PER_S) ** (stepMs / 1000))
      outageUntilMs = nowMs + (60 + random() * 1_200) * 1000;
  }
  for (const batch of [...stored, buffer]) if (batch.length > 0) send(batch, batch.at(-1)!.fixTimeMs + 3_600_000);
  return frames;
}

function depthM(fence: FenceVersion, site: Site): number {
  const { latDeg, lonDeg } = degreesOf(site);
  return signedDistanceM(fence.rule.shape, latDeg, lonDeg);
}

function degreesOf({ east, north }: Site): { latDeg: number; lonDeg: number } {
  return {
    latDeg: CITY.latDeg + north / METRES_PER_DEG,
    lonDeg: CITY.lonDeg + east / (METRES_PER_DEG * Math.cos(CITY.latDeg * RADIANS_PER_DEG)),
  };
}

function apartM(a: Site, b: Site): number {
  return Math.hypot(a.east - b.east, a.north - b.north);
}

function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
