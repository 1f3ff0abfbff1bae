import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import type { Shape } from "#stream/geofence/shape.ts";
import { type HistoryState, history } from "./random-histories.ts";
import { DEFAULT_VISIBILITY, type Field, resolveVisibility } from "./visibility-rule.ts";
import { type Place, type TrackingFacts, type Visible, visibleOf } from "./visible.ts";

/**
 * The judge of what was shown. It repeats the rules in words of its own and shares no arithmetic with what it judges:
 * distances by unit vectors, zones by angles and rays. Near a limit it accuses nobody of what rounding can explain.
 */
const SLACK = 1e-6;

function unit({ latDeg, lonDeg }: Place): [number, number, number] {
  const [lat, lon] = [(latDeg * Math.PI) / 180, (lonDeg * Math.PI) / 180];
  return [Math.cos(lat) * Math.cos(lon), Math.cos(lat) * Math.sin(lon), Math.sin(lat)];
}

function metres(a: Place, b: Place): number {
  const [u, v] = [unit(a), unit(b)];
  return 2 * 6_371_008.8 * Math.asin(Math.min(1, Math.hypot(u[0] - v[0], u[1] - v[1], u[2] - v[2]) / 2));
}

function isInside(zone: Shape, place: Place): boolean {
  if (zone.kind === "circle") return metres(zone, place) < zone.radiusM - 0.01;
  if (zone.kind === "corridor") return false;
  return zone.polygons.some((rings) => {
    const ring = rings[0]!;
    let crossings = 0;
    for (let i = 0; i + 3 < ring.length; i += 2) {
      const [x1, y1, x2, y2] = [ring[i]!, ring[i + 1]!, ring[i + 2]!, ring[i + 3]!];
      if (Math.min(y1, y2) > place.latDeg || Math.max(y1, y2) <= place.latDeg) continue;
      if (x1 + ((place.latDeg - y1) / (y2 - y1)) * (x2 - x1) > place.lonDeg) crossings++;
    }
    return crossings % 2 === 1;
  });
}

const isCoarse = (degrees: number) => Math.abs(degrees * 1e4 - Math.round(degrees * 1e4)) < SLACK;
const ENDED = ["departed", "delivered", "failed", "missed", "cancelled"];

/** True, false, or undefined where it hangs on less than rounding. */
function allowed(facts: TrackingFacts, field: Field): boolean | undefined {
  const rule = facts.visibility[field];
  const { stop, vehicle, nowMs } = facts;
  if (rule === "never") return false;
  if (rule === "always") return true;
  if (ENDED.includes(stop.status) || stop.completedAtMs !== null) return false;
  if ("withinStops" in rule) return stop.stopsBefore === null ? false : rule.withinStops - stop.stopsBefore >= 0;
  if ("withinMinutes" in rule) return stop.eta === null ? false : nowMs + rule.withinMinutes * 6e4 >= stop.eta.p50Ms;
  if (vehicle === null || vehicle.fix === null || !isTrackable(facts)) return false;
  const spareM = rule.withinMetres - metres(vehicle.fix.places[0], stop);
  return Math.abs(spareM) < 0.01 ? undefined : spareM > 0;
}

/** Whether the fix may be known to anybody outside: of this route, of now, and nowhere private. */
function isTrackable({ route, stop, vehicle, nowMs, offlineS, privacyZones }: TrackingFacts): boolean {
  const fix = vehicle?.fix;
  if (fix === undefined || fix === null || route === null || route.startedAtMs === null) return false;
  const isRunning = route.status === "started" && stop.completedAtMs === null && !ENDED.includes(stop.status);
  const isOfNow = fix.timeMs >= route.startedAtMs && nowMs < fix.timeMs + offlineS * 1000;
  return isRunning && isOfNow && !fix.places.some((place) => privacyZones.some((zone) => isInside(zone, place)));
}

/** What was shown against the rules. */
function leaks({ facts, ownLeg }: HistoryState, shown: Visible): string[] {
  const found: string[] = [];
  const forbid = (is: boolean, what: string) => is && found.push(what);
  const { stop, route, privacyZones } = facts;
  const isRunning = route?.status === "started" && stop.completedAtMs === null && !ENDED.includes(stop.status);
  const coordinates = [...(shown.position === null ? [] : [shown.position]), ...(shown.path ?? [])];
  forbid(coordinates.length > 0 && !isTrackable(facts), "position that may not be known");
  forbid(coordinates.length > 0 && allowed(facts, "position") === false, "position against its rule");
  for (const place of coordinates) {
    forbid(
      privacyZones.some((zone) => isInside(zone, place) && metres(place, stop) < 1_000),
      "private place",
    );
    const isFar = metres(place, stop) > 1_000 + 10;
    forbid(isFar && !(isCoarse(place.latDeg) && isCoarse(place.lonDeg)), "too exact");
  }
  forbid(shown.path !== null && shown.position === null, "path without position");
  forbid(shown.path !== null && stop.stopsBefore !== 0, "path through other stops");
  const path = route?.remainingPath ?? [];
  // Before the door itself the ways here and onwards may be the same.
  const leadsElsewhere = (place: Place) =>
    metres(place, stop) > 60 && path.findIndex((known) => metres(known, place) < 1) >= ownLeg;
  forbid(shown.path?.some(leadsElsewhere) === true, "the way to another stop");
  const shownOf = { eta: shown.eta, stopsAway: shown.stopsAway, vehicle: shown.vehicleKind, plate: shown.plate };
  const fields = { ...shownOf, driver: shown.driverFirstName, proof: shown.proof };
  for (const [field, value] of Object.entries(fields)) {
    forbid(value !== null && allowed(facts, field as Field) === false, `${field} against its rule`);
  }
  for (const value of [shown.stopsAway, shown.driverFirstName, shown.vehicleKind, shown.plate]) {
    forbid(value !== null && !isRunning, "vehicle or driver outside the route");
  }
  forbid(shown.eta !== null && (stop.status === "arrived" || ENDED.includes(stop.status)), "ETA of the past");
  forbid(/\s|Sousa|Müller/.test(shown.driverFirstName ?? ""), "surname");
  forbid((shown.proof?.photoIds.length ?? 0) > 0 && allowed(facts, "photo") === false, "photo against its rule");
  forbid(shown.proof !== null && shown.proof.outcome !== stop.status, "proof of something else");
  return found;
}

/** What the rules grant and was not shown. A function that shows nothing leaks nothing either. */
function missing({ facts }: HistoryState, shown: Visible): string[] {
  const { stop, route, vehicle, privacyZones } = facts;
  const isClear = privacyZones.every(
    (zone) => zone.kind === "circle" && vehicle?.fix?.places.every((place) => metres(zone, place) > zone.radiusM + 50),
  );
  const isRunning = route?.status === "started" && stop.completedAtMs === null && !ENDED.includes(stop.status);
  const isByDistance = typeof facts.visibility.eta === "object" && "withinMetres" in facts.visibility.eta;
  const isExpected = isRunning && stop.status !== "arrived" && (isClear || !isByDistance);
  const owed: [boolean, unknown, string][] = [
    [isTrackable(facts) && isClear && allowed(facts, "position") === true, shown.position, "position"],
    [isExpected && allowed(facts, "eta") === true, shown.eta ?? stop.eta === null, "ETA"],
    [
      isRunning && facts.visibility.driver === "always" && facts.driverGivenName !== null,
      shown.driverFirstName,
      "driver",
    ],
    [facts.visibility.proof === "always" && stop.proof?.outcome === stop.status, shown.proof, "proof"],
  ];
  return owed.filter(([isOwed, value]) => isOwed && (value === null || value === false)).map(([, , what]) => what);
}

type Judged = { states: number; shown: Map<string, number>; found: Set<string> };

function judge(show: (facts: TrackingFacts) => Visible, statesMin: number): Judged {
  const judged: Judged = { states: 0, shown: new Map(), found: new Set() };
  for (let seed = 1; judged.states < statesMin; seed++) {
    for (const state of history(seed)) {
      const visible = show(state.facts);
      judged.states++;
      for (const [name, value] of Object.entries(visible)) {
        if (value !== null) judged.shown.set(name, (judged.shown.get(name) ?? 0) + 1);
      }
      for (const leak of leaks(state, visible)) judged.found.add(leak);
      for (const what of missing(state, visible)) judged.found.add(`missing ${what}`);
    }
  }
  return judged;
}

test("in a hundred thousand states nothing is shown that a rule forbids, and what is granted is shown", () => {
  const { states, shown, found } = judge(visibleOf, 100_000);
  expect([...found]).toEqual([]);
  expect(states).toBeGreaterThanOrEqual(100_000);
  for (const field of ["position", "path", "eta", "stopsAway", "driverFirstName", "vehicleKind", "plate", "proof"]) {
    expect([field, (shown.get(field) ?? 0) > 500]).toEqual([field, true]);
  }
});

/** Each takes one rule away. */
const MUTATIONS: readonly [rule: string, text: string, mutated: string][] = [
  ["the route is live", `route?.status === "started" && !isOver`, "!isOver"],
  ["the stop is not over", `route?.status === "started" && !isOver`, `route?.status === "started"`],
  ["completion counts whatever the status", "|| stop.completedAtMs !== null", ""],
  ["the position has a rule", `fix !== null && may("position")`, "fix !== null"],
  ["the ETA has a rule", `isExpected && may("eta")`, "isExpected"],
  ["stops away have a rule", `isLive && may("stopsAway")`, "isLive"],
  ["the driver has a rule", `isLive && may("driver")`, "isLive"],
  ["the vehicle has a rule", `isLive && may("vehicle")`, "isLive"],
  ["the plate has a rule", `isLive && may("plate")`, "isLive"],
  ["proof has a rule", `hasProof && may("proof")`, "hasProof"],
  ["photos have a rule", `may("photo") ? stop.proof.photoIds : []`, "stop.proof.photoIds"],
  ["stops are counted", "stop.stopsBefore <= rule.withinStops", "stop.stopsBefore <= rule.withinStops + 1"],
  ["minutes are counted", "rule.withinMinutes * 60_000", "rule.withinMinutes * 90_000"],
  ["metres are counted", "distanceM <= rule.withinMetres", "distanceM <= rule.withinMetres + 50"],
  ["limits end with the stop", "if (isOver) return false;", ""],
  ["fixes are of the route's time", "|| fix.timeMs < startedAtMs", ""],
  ["old fixes are nobody's business", "nowMs - fix.timeMs >= offlineS * 1000", "nowMs < 0"],
  [
    "privacy zones hide the vehicle",
    "if (fix.places.some((place) => isPrivate(place, privacyZones))) return null;",
    "",
  ],
  ["every version of a fix counts", "fix.places.some((place)", "[fix.places[0]].some((place)"],
  ["privacy zones hide the path", "|| path.some((place) => isPrivate(place, privacyZones))", ""],
  ["the path is for the next stop", "stop.stopsBefore !== 0 || ", ""],
  ["the path ends at the stop", "pathToStop(route.remainingPath, stop)", "route.remainingPath"],
  ["far places are rounded", "<= EXACT_M_MAX", "<= 5 * EXACT_M_MAX"],
  ["coarse means four decimals", "const ROUNDED_DECIMALS = 4", "const ROUNDED_DECIMALS = 5"],
  ["first names only", `givenName?.trim().split(/\\s+/u, 1)[0] || null`, "givenName"],
  ["proof is of this outcome", "&& stop.proof.outcome === stop.status", ""],
];

test("every rule is watched: taking any one away is noticed", async () => {
  expect([...judge(visibleOf, 8_000).found]).toEqual([]);
  const source = await readFile(new URL("visible.ts", import.meta.url), "utf8");
  const folder = await mkdtemp(join(tmpdir(), "visible-"));
  try {
    for (const [index, [rule, text, mutated]] of MUTATIONS.entries()) {
      expect([rule, source.split(text).length]).toEqual([rule, 2]);
      const file = join(folder, `mutant-${index}.ts`);
      await writeFile(file, withAbsoluteImports(source.replace(text, () => mutated)));
      const mutant = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as { visibleOf: typeof visibleOf };
      expect([rule, judge(mutant.visibleOf, 8_000).found.size > 0]).toEqual([rule, true]);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** The mutant lies elsewhere, what it imports stays where it is. */
function withAbsoluteImports(source: string): string {
  const here = (path: string) => new URL(path, import.meta.url).pathname;
  return source
    .replaceAll(/from "\.\/([^"]+)"/g, (_, name: string) => `from "${here(name)}"`)
    .replaceAll(/from "#stream\/([^"]+)"/g, (_, name: string) => `from "${here(`../../stream/${name}`)}"`);
}

test("a link's rule stands before its brand's, and the brand's before the default", () => {
  const resolved = resolveVisibility({ position: "never" }, { position: "always", driver: "never" });
  expect(resolved).toEqual({ ...DEFAULT_VISIBILITY, position: "never", driver: "never" });
});

test("a stored rule that cannot be understood shows nothing", () => {
  for (const rule of ["sometimes", 5, {}, { withinStops: "5" }, { withinMetres: -1 }, [], true]) {
    expect(resolveVisibility({ position: rule }, { position: "always" }).position).toBe("never");
  }
});

test("by default the vehicle is shown within five stops, and its plate and photos never", () => {
  expect(DEFAULT_VISIBILITY).toMatchObject({ position: { withinStops: 5 }, plate: "never", photo: "never" });
});
