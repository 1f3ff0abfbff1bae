import { FenceSet, type FenceVersion } from "#stream/geofence/fence-set.ts";
import { type FenceFeature, parseFence } from "#stream/geofence/parse-feature.ts";
import { scoreVisits, type VisitScore } from "#stream/geofence/score-visits.ts";
import { signedDistanceM } from "#stream/geofence/signed-distance.ts";
import { seededRandom } from "#stream/geofence/simulated-visits.ts";
import { cpuSecondsSince, printGoal, printTable, ratePerCpuSecond } from "./measure.ts";

/**
 * Geofences: the grid against a look at every fence, and visits at street noise against the truth. `node bench/geofence.ts SEED …`:
 * visits alone, on other days.
 */

const FENCES = [1_000, 10_000, 100_000];
const PLACES = 20_000;
const BRUTE_FORCE_PLACES = 20;
/** A country: 5 by 5 degrees. */
const [LAT_DEG, LON_DEG, SIZE_DEG] = [45, 5, 5];
const VEHICLES = 480;
const VISITS_EACH = 20;
const SEED = 2026;
const seeds = process.argv.slice(2).map(Number);

const random = seededRandom(SEED);
const anywhere = () => ({ latDeg: LAT_DEG + random() * SIZE_DEG, lonDeg: LON_DEG + random() * SIZE_DEG });

/** A third each: circles, polygons of 12 corners, corridors of 5 positions; 50 to 500 m, every hundredth ten times that. */
function fence(fenceId: number): FenceVersion {
  const { latDeg, lonDeg } = anywhere();
  const sizeM = (50 + random() * 450) * (fenceId % 100 === 0 ? 10 : 1);
  const at = (angle: number, reachM: number): [number, number] => [
    lonDeg + (reachM * Math.cos(angle)) / 77_000,
    latDeg + (reachM * Math.sin(angle)) / 111_195,
  ];
  const rule = parseFence(featureOf(fenceId % 3, [lonDeg, latDeg], sizeM, at));
  if ("detail" in rule) throw new Error(rule.detail);
  return { fenceId, version: 1, rule, validFromMs: 0, validToMs: Number.POSITIVE_INFINITY };
}

function featureOf(
  kind: number,
  centre: [number, number],
  sizeM: number,
  at: (angle: number, reachM: number) => [number, number],
): FenceFeature {
  if (kind === 0) return { geometry: { type: "Point", coordinates: centre }, properties: { radius_m: sizeM } };
  if (kind === 1) {
    const corners = Array.from({ length: 12 }, (_, n) => at((n / 12) * 2 * Math.PI, sizeM * (0.7 + random() * 0.3)));
    return { geometry: { type: "Polygon", coordinates: [[...corners, corners[0]!]] }, properties: {} };
  }
  const line = Array.from({ length: 5 }, (_, n) => at(random(), sizeM * n));
  return { geometry: { type: "LineString", coordinates: line }, properties: { width_m: 50 } };
}

function measureGrid(count: number): { buildS: number; placeRate: number; wayRate: number; speedup: number } {
  const fences = Array.from({ length: count }, (_, index) => fence(index));
  const begin = process.cpuUsage();
  const set = new FenceSet(fences);
  const buildS = cpuSecondsSince(begin);
  // Half of the places are beside a fence: vehicles are where fences are.
  const places = Array.from({ length: PLACES }, (_, index) => {
    const place = anywhere();
    const shape = fences[Math.floor(random() * count)]!.rule.shape;
    return index % 2 === 0 && shape.kind === "circle" ? { latDeg: shape.latDeg + 0.001, lonDeg: shape.lonDeg } : place;
  });
  const inside = (among: readonly FenceVersion[], place: { latDeg: number; lonDeg: number }): number[] =>
    among.filter(({ rule }) => signedDistanceM(rule.shape, place.latDeg, place.lonDeg) > 0).map((one) => one.fenceId);
  const few = places.slice(0, BRUTE_FORCE_PLACES);
  for (const place of few) {
    const same = String(inside(set.near(place, undefined, 1), place).sort()) === String(inside(fences, place).sort());
    if (!same) throw new Error("the grid and a look at every fence disagree");
  }
  const placeRate = ratePerCpuSecond(
    PLACES,
    () => {
      for (const place of places) inside(set.near(place, undefined, 1), place);
    },
    0.5,
  );
  const wayRate = ratePerCpuSecond(
    PLACES,
    () => {
      for (const place of places) {
        inside(set.near(place, { latDeg: place.latDeg - 0.0005, lonDeg: place.lonDeg - 0.001 }, 1), place);
      }
    },
    0.5,
  );
  const bruteRate = ratePerCpuSecond(1, () => inside(fences, few[0]!), 0.2);
  return { buildS, placeRate, wayRate, speedup: placeRate / bruteRate };
}

function printGrids(): void {
  const grids = FENCES.map((count) => ({ count, ...measureGrid(count) }));
  printTable(
    "Geofences: index and exact tests",
    grids.map(({ count, buildS, placeRate, wayRate, speedup }) => ({
      fences: count,
      "build, CPU s": buildS,
      "fixes/s, place alone": placeRate,
      "fixes/s, with the way of 100 m to it": wayRate,
      "× a look at every fence": speedup,
    })),
  );
  const largest = grids.at(-1)!;
  printGoal("100 000 fences are indexed in at most 2 CPU seconds", largest.buildS, largest.buildS <= 2);
  printGoal(
    "at least 300 000 fix checks a CPU second against 100 000 fences",
    largest.wayRate,
    largest.wayRate >= 300_000,
  );
}

function measureVisits(seed: number): VisitScore & { usedS: number } {
  const begin = process.cpuUsage();
  const score = scoreVisits(seed, VEHICLES, VISITS_EACH);
  return { ...score, usedS: cpuSecondsSince(begin) };
}

if (seeds.length === 0) printGrids();
const scores = (seeds.length === 0 ? [SEED] : seeds).map((seed) => ({ seed, score: measureVisits(seed) }));
printTable(
  "Simulated visits at 15 m of street noise, with late batches",
  scores.map(({ seed, score }) => {
    const errorsMs = score.timeErrorsMs.map(Math.abs).sort((a, b) => a - b);
    return {
      seed: String(seed),
      "due visits": score.due,
      fixes: score.fixes,
      "late share": score.lateFixes / score.fixes,
      recall: score.found / score.due,
      precision: 1 - score.falseVisits / score.reported,
      "exactly once": score.once / score.due,
      "time error P50, s": errorsMs[Math.floor(errorsMs.length * 0.5)]! / 1000,
      "P95, s": errorsMs[Math.floor(errorsMs.length * 0.95)]! / 1000,
      "µs a fix, simulation included": (score.usedS * 1e6) / score.fixes,
    };
  }),
);
for (const { seed, score } of scores) {
  const recall = score.found / score.due;
  const precision = 1 - score.falseVisits / score.reported;
  printGoal(`seed ${seed}: recall at least 0.99`, recall, recall >= 0.99);
  printGoal(`seed ${seed}: precision at least 0.99`, precision, precision >= 0.99);
  printGoal(`seed ${seed}: visits not told of exactly once`, score.due - score.once, score.once === score.due);
  printGoal(`seed ${seed}: live events of late fixes`, score.liveOfLate, score.liveOfLate === 0);
}
