import { type DeviceFold, foldFixes, foldInitial } from "../fold.ts";
import { FenceSet, type FenceVersion } from "../geofence/fence-set.ts";
import { geofenceStage } from "../geofence/geofence-stage.ts";
import type { Shape } from "../geofence/shape.ts";
import {
  type Random,
  type SimulatedDay,
  seededRandom,
  simulateDay,
  type TrueVisit,
} from "../geofence/simulated-visits.ts";
import type { DeviceStage } from "../stage.ts";
import { afterCrossing, type Crossing } from "./crossings.ts";
import { compareInputs } from "./merge-inputs.ts";
import type { PlannedStop, RoutePlan } from "./plan.ts";
import type { RouteContext } from "./route-draft.ts";
import { LIVE_MS_MAX } from "./route-draft.ts";
import { foldRoute, outputsInitial } from "./route-fold.ts";
import { type DeliveryEvent, type RouteFold, type RouteInput, routeInitial } from "./route-state.ts";
import { crossingInput, fixInput } from "./stage-inputs.ts";

/**
 * Drivers with receivers between buildings, whose uploads are interrupted, on routes that they don't quite follow, in a
 * process that is killed now and then: what is told of every true visit.
 */
export type StopScore = {
  visits: number;
  /** Visits with exactly one arrival and exactly one departure that stand in the end. */
  once: number;
  missing: number;
  /** Of the missing, those of which no crossing of the geofence stands. */
  unseen: number;
  /** With more than one. */
  repeated: number;
  /** Arrivals that stand although nobody stayed there. */
  falseArrivals: number;
  /** Of all arrivals and departures, those told as history, and those that replace another. */
  told: number;
  replayed: number;
  superseding: number;
  /** Told as news, but of what was long over: there must be none. */
  lateAsLive: number;
  /** Kills, and whether all that was told is what is told without them. */
  kills: number;
  sameAfterKills: boolean;
  lateFixes: number;
  fixes: number;
  /** Of the times of arrivals that were told once, milliseconds. */
  arrivalErrorsMs: number[];
};

/** Share of neighbours in the plan that are driven the other way round. */
const SWAPPED_SHARE = 0.15;
const KILLS_PER_INPUT = 0.002;
const SAVED_EVERY_INPUTS = 40;
/** How far an arrival may lie from the true stay and still be of it. */
const NEAR_MS = 60_000;

export function scoreStops(seed: number, vehicles: number, visitsEach: number): StopScore {
  const random = seededRandom(seed);
  const score: StopScore = {
    ...{
      visits: 0,
      once: 0,
      missing: 0,
      unseen: 0,
      repeated: 0,
      falseArrivals: 0,
      told: 0,
      replayed: 0,
      superseding: 0,
    },
    ...{ lateAsLive: 0, kills: 0, sameAfterKills: true, lateFixes: 0, fixes: 0, arrivalErrorsMs: [] },
  };
  for (let vehicle = 1; vehicle <= vehicles; vehicle++) {
    const day = simulateDay(random, vehicle, visitsEach);
    const inputs = inputsOf(day, vehicle, random, score);
    const events = foldAll(inputs);
    const again = foldWithKills(inputs, random, score);
    if (JSON.stringify(again) !== JSON.stringify(events)) score.sameAfterKills = false;
    compare(day.truth, events, inputs, score);
  }
  return score;
}

const context: RouteContext = { routeId: "1", priorityOf: () => 1, estimator: null };

function foldAll(inputs: readonly RouteInput[]): DeliveryEvent[] {
  const outputs = outputsInitial();
  inputs.reduce((fold, input) => foldRoute(fold, input, context, outputs), routeInitial(0));
  return outputs.events;
}

/** Everything since the last commit is lost with the process, and folded again from the state that was stored. */
function foldWithKills(inputs: readonly RouteInput[], random: Random, score: StopScore): DeliveryEvent[] {
  const stored: DeliveryEvent[] = [];
  let saved = JSON.stringify(routeInitial(0));
  let fold: RouteFold = routeInitial(0);
  let outputs = outputsInitial();
  let savedAt = 0;
  for (let at = 0; at < inputs.length; at++) {
    fold = foldRoute(fold, inputs[at] as RouteInput, context, outputs);
    if (random() < KILLS_PER_INPUT) {
      score.kills++;
      fold = JSON.parse(saved) as RouteFold;
      outputs = outputsInitial();
      at = savedAt - 1;
    } else if ((at + 1) % SAVED_EVERY_INPUTS === 0) {
      stored.push(...outputs.events);
      outputs = outputsInitial();
      saved = JSON.stringify(fold);
      savedAt = at + 1;
    }
  }
  return [...stored, ...outputs.events];
}

/** The plan, and then fixes and crossings as the stream gives them, frame by frame. */
function inputsOf(day: SimulatedDay, deviceId: number, random: Random, score: StopScore): RouteInput[] {
  const startMs = day.frames[0]![0]!.fixTimeMs;
  const inputs: RouteInput[] = [{ kind: "plan", version: 1, plan: planOf(day, random, startMs), atMs: startMs - 1 }];
  const fences = new FenceSet(day.fences);
  let fold: DeviceFold = foldInitial;
  for (const [index, fixes] of day.frames.entries()) {
    const seq = index + 1;
    const receivedAtMs = fixes[0]!.receivedAtMs;
    const frame = { seq, deviceId, protocol: "teltonika" as const, receivedAtMs, bytes: new Uint8Array() };
    const result = foldFixes(fold, { frame, fixes, isKnown: () => false }, [geofenceStage as DeviceStage], { fences });
    fold = result.fold;
    score.fixes += result.fixes.length;
    score.lateFixes += result.fixes.filter((fix) => fix.late).length;
    const live = result.fixes.filter((fix) => !fix.late).map((fix) => fixInput(fix, seq));
    inputs.push(...[...live, ...result.events.map((event) => crossingInput(event, seq))].sort(compareInputs));
  }
  return inputs;
}

function planOf({ fences }: SimulatedDay, random: Random, startMs: number): RoutePlan {
  const stops = fences.map(plannedStop);
  for (let n = 1; n < stops.length; n++) {
    if (random() < SWAPPED_SHARE) [stops[n - 1], stops[n]] = [stops[n]!, stops[n - 1]!];
  }
  return { vehicleId: 1, status: "planned", startsAtMs: startMs, endsAtMs: null, start: null, end: null, stops };
}

function plannedStop({ fenceId, rule }: FenceVersion): PlannedStop {
  return {
    ...{ stopId: String(fenceId), kind: "delivery", ...centreOf(rule.shape), geofenceId: fenceId },
    ...{ windowStartMs: null, windowEndMs: null, promisedByMs: null, serviceS: null },
  };
}

function centreOf(shape: Shape): { latDeg: number; lonDeg: number } {
  if (shape.kind === "circle") return { latDeg: shape.latDeg, lonDeg: shape.lonDeg };
  const line = shape.kind === "corridor" ? shape.line : shape.polygons[0]![0]!;
  const points = Array.from({ length: line.length / 2 }, (_, n) => ({
    lonDeg: line[2 * n]!,
    latDeg: line[2 * n + 1]!,
  }));
  const mean = (values: number[]) => (Math.min(...values) + Math.max(...values)) / 2;
  return { latDeg: mean(points.map((p) => p.latDeg)), lonDeg: mean(points.map((p) => p.lonDeg)) };
}

type Told = { stopId: string; arrivedAtMs: number; departedAtMs: number | null; departures: number };

function compare(
  truth: readonly TrueVisit[],
  events: readonly DeliveryEvent[],
  inputs: readonly RouteInput[],
  score: StopScore,
): void {
  const about = events.filter(({ type }) => type === "stop.arrived" || type === "stop.departed");
  score.told += about.length;
  score.replayed += about.filter(({ replayed }) => replayed).length;
  score.superseding += about.filter(({ supersedes }) => supersedes !== null).length;
  score.lateAsLive += about.filter(
    (event) => !event.replayed && event.detectedAtMs - event.occurredAtMs > LIVE_MS_MAX,
  ).length;
  const visits = standing(about);
  const overlaps = (visit: Told, real: TrueVisit) =>
    visit.stopId === String(real.fenceId) &&
    visit.arrivedAtMs < real.exitedAtMs + NEAR_MS &&
    (visit.departedAtMs ?? Number.POSITIVE_INFINITY) > real.enteredAtMs - NEAR_MS;
  score.falseArrivals += visits.filter((visit) => !truth.some((real) => overlaps(visit, real))).length;
  for (const real of intended(truth)) {
    const found = visits.filter((visit) => overlaps(visit, real));
    score.visits++;
    if (found.length === 0) {
      score.missing++;
      if (!isSeen(inputs, real)) score.unseen++;
    } else if (found.length > 1 || found[0]!.departures > 1) score.repeated++;
    else if (found[0]!.departures === 1) {
      score.once++;
      score.arrivalErrorsMs.push(Math.abs(found[0]!.arrivedAtMs - real.enteredAtMs));
    }
  }
}

/** Every fence is visited once; what else is long inside drives along it, or waits there when the day is over. */
function intended(truth: readonly TrueVisit[]): TrueVisit[] {
  const longest = new Map<number, TrueVisit>();
  const lengthMs = (visit: TrueVisit | undefined) => (visit === undefined ? 0 : visit.exitedAtMs - visit.enteredAtMs);
  for (const visit of truth) {
    if (visit.due && lengthMs(visit) > lengthMs(longest.get(visit.fenceId))) longest.set(visit.fenceId, visit);
  }
  return [...longest.values()];
}

/** True where the geofence stage has told of an entry into this stay. */
function isSeen(inputs: readonly RouteInput[], { fenceId, enteredAtMs, exitedAtMs }: TrueVisit): boolean {
  let entries: readonly Crossing[] = [];
  for (const input of inputs) {
    if (input.kind === "crossing" && input.crossing.geofenceId === fenceId)
      entries = afterCrossing(entries, input.crossing);
  }
  return entries.some(
    ({ type, atMs }) => type === "entered" && atMs > enteredAtMs - NEAR_MS && atMs < exitedAtMs + NEAR_MS,
  );
}

/** Arrivals and the departures after them that nothing has replaced. Throws where an event replaces what does not stand. */
function standing(events: readonly DeliveryEvent[]): Told[] {
  const left = new Map<string, DeliveryEvent>();
  for (const event of events) {
    if (event.supersedes !== null && !left.delete(event.supersedes)) throw new Error("supersedes what does not stand");
    if (event.data.withdrawn !== true) left.set(event.eventId, event);
  }
  const byTime = [...left.values()].toSorted((a, b) => a.occurredAtMs - b.occurredAtMs);
  const told: Told[] = [];
  for (const { type, data, occurredAtMs } of byTime) {
    const stopId = data.stopId as string;
    if (type === "stop.arrived") told.push({ stopId, arrivedAtMs: occurredAtMs, departedAtMs: null, departures: 0 });
    else {
      const visit = told.findLast((arrival) => arrival.stopId === stopId);
      if (visit === undefined) throw new Error("a departure without an arrival");
      visit.departures++;
      visit.departedAtMs = occurredAtMs;
    }
  }
  return told;
}
