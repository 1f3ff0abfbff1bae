import type { RouteView } from "#store/routes.ts";
import type { StopView } from "#store/stops.ts";
import type { SequencingTask } from "#stream/sequencing/sequencing-thread.ts";
import type { Place } from "#stream/sequencing/travel-times.ts";
import { type StopStatus, stopStatus } from "./stop-status.ts";

/** What is to be put in order of a route: stops that are served, or fixed at an end, keep their places. */

/** Where nobody says how long a stop takes. */
export const SERVICE_DEFAULT_S = 180;
/** A second of waiting at a closed door beside a second of driving. */
const WAIT_WEIGHT = 0.3;
/** The same route and the same moment give the same order. */
const SEED = 1;

export type OptimiseTask = {
  task: SequencingTask;
  /** Stops before and after those that are ordered. */
  fixedBefore: StopView[];
  movable: StopView[];
  fixedAfter: StopView[];
};

const SERVED: ReadonlySet<StopStatus> = new Set(["arrived", "departed", "missed", "delivered", "failed"]);

/** `nowMs` and `vehicleAt` count for a route that is being driven. */
export function optimiseTask(route: RouteView, nowMs: number, vehicleAt: Place | null): OptimiseTask {
  const served = route.stops.findLastIndex((stop) => SERVED.has(stopStatus(stop, stop.outcome))) + 1;
  const fixedBefore = route.stops.slice(0, served);
  const movable = route.stops.slice(served);
  const fixedAfter: StopView[] = [];
  if (movable[0]?.kind === "depot") fixedBefore.push(movable.shift()!);
  if (movable.at(-1)?.kind === "depot") fixedAfter.push(movable.pop()!);
  const isDriven = route.progressStatus === "started";
  const placeOf = (stop: StopView | undefined): Place | undefined =>
    stop && { latDeg: stop.latDeg, lonDeg: stop.lonDeg };
  const begin = (isDriven ? vehicleAt : null) ?? placeOf(fixedBefore.at(-1)) ?? pointOf(route.start);
  const end = placeOf(fixedAfter[0]) ?? pointOf(route.end);
  const startMs = isDriven ? nowMs : Math.max(nowMs, route.startsAtMs ?? nowMs);
  // Where the way begins or ends anywhere, it does so at the first stop and the last: the nearest guess.
  const first = begin ?? placeOf(movable[0])!;
  const last = end ?? placeOf(movable.at(-1))!;
  const sinceStartS = (timeMs: number | null, otherwise: number) =>
    timeMs === null ? otherwise : (timeMs - startMs) / 1_000;
  return {
    ...{ fixedBefore, movable, fixedAfter },
    task: {
      places: [...movable.map((stop) => placeOf(stop)!), first, last],
      stops: movable.map((stop) => ({
        windowStartS: Math.max(0, sinceStartS(stop.windowStartMs, 0)),
        windowEndS: sinceStartS(stop.windowEndMs ?? stop.promisedByMs, Number.POSITIVE_INFINITY),
        serviceS: stop.serviceS ?? SERVICE_DEFAULT_S,
        deliver: stop.kind === "delivery" ? stop.demand : 0,
        pickUp: stop.kind === "pickup" || stop.kind === "collection" ? stop.demand : 0,
      })),
      capacity: route.capacity ?? Number.POSITIVE_INFINITY,
      startS: 0,
      endS: sinceStartS(route.endsAtMs, Number.POSITIVE_INFINITY),
      ...{ waitWeight: WAIT_WEIGHT, seed: SEED, openStart: begin === undefined, openEnd: end === undefined },
    },
  };
}

function pointOf(point: readonly [number, number] | null): Place | undefined {
  return point === null ? undefined : { latDeg: point[0], lonDeg: point[1] };
}
