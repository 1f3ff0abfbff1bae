import type { Client } from "pg";
import { commitDelivery } from "#store/delivery-commit.ts";
import {
  type OpenRoute,
  readIssuedUntil,
  readOpenRoutes,
  readPlanVersions,
  readRouteStates,
  readRouteTicks,
  readVehicleBindings,
} from "#store/delivery-fold.ts";
import { type FrameRange, readCrossingsBefore, readRouteCrossings, readRouteFixes } from "#store/delivery-inputs.ts";
import type { TrafficRow } from "#store/fleet-traffic.ts";
import { type FoldHorizon, readFoldHorizon, readLastSeqs, readSeqsAt } from "#store/fold-horizon.ts";
import { partitionOf } from "#store/journal.ts";
import type { EtaEstimator, TrafficSample } from "../eta/eta.ts";
import { REPORTS_PER_FRAME_MAX } from "../fold.ts";
import { mergeInputs } from "./merge-inputs.ts";
import { type PackedState, unpackState } from "./packed-state.ts";
import { plannedStartMs, readPlan } from "./plan.ts";
import { LOOK_AHEAD_MS, opensAtMs, RETIRED_MS } from "./route-fold.ts";
import { routeInitial } from "./route-state.ts";
import { TrackedRoute, type TrackedRows } from "./tracked-route.ts";

/** Routes that are folded at the same time in one process; the oldest come first. */
export const ROUTES_MAX = 20_000;
/** Routes of one transaction, and rows of one source that are read at a time: more than a frame has. */
const ROUTES_PER_BATCH = 50;
const ROWS_PER_SOURCE = REPORTS_PER_FRAME_MAX + 176;
/** A state is written with whatever comes of it, and at least so often. */
const SAVED_MS_MAX = 60_000;
/** A plan whose time has come counts so much later even where no frame has shown it. */
const PLAN_PATIENCE_MS = 3_000;
/** How often a route is told the time while its vehicle is silent, at first and later. */
const TICK_MS = 60_000;
const LATER_TICK_MS = 300_000;
const LATER_MS = 900_000;
/** A vehicle is not silent while its frames wait to be folded for longer than this. */
const LAG_MS_MAX = 30_000;
/** Fixes of a device from before its first on the route are not looked for further back. */
const FIRST_FIX_MS = 3_600_000;
const FORGOTTEN_MS = 40 * 86_400_000;

export type DeliveryDeps = {
  /** Unix milliseconds. */
  now: () => number;
  /** ETAs of fleets; without it there are none. */
  estimators?: {
    /** Forgets what is not learned: it may be ahead of the store. */
    forget(): void;
    /** Gets what these fleets have learned, and what they met on the road by `nowMs`. */
    load(client: Client, fleetIds: readonly number[], nowMs: number): Promise<void>;
    find(fleetId: number): EtaEstimator | undefined;
    /** Adds to the traffic that is kept; the rows that this changes are written with the states that it comes from. */
    keepTraffic(fleetId: number, samples: readonly TrafficSample[]): TrafficRow[];
  };
};

/**
 * The routes that one process folds. After a failure it is worth nothing: what it remembers may be ahead of the store.
 */
export class DeliveryRounds {
  readonly #client: Client;
  readonly #deps: DeliveryDeps;
  readonly #routes = new Map<string, TrackedRoute>();

  constructor(client: Client, deps: DeliveryDeps) {
    this.#client = client;
    this.#deps = deps;
    deps.estimators?.forget();
  }

  /** Looks for routes, plans and bindings that are new or over. Rounds between go on with what was found. */
  async look(): Promise<void> {
    const nowMs = this.#deps.now();
    const open = await readOpenRoutes(this.#client, {
      ...{ nowMs, aheadMs: LOOK_AHEAD_MS, retiredMs: RETIRED_MS, forgottenMs: FORGOTTEN_MS, limit: ROUTES_MAX },
    });
    const ids = new Set(open.map(({ routeId }) => routeId));
    for (const routeId of this.#routes.keys()) if (!ids.has(routeId)) this.#routes.delete(routeId);
    await this.#deps.estimators?.load(this.#client, [...new Set(open.map(({ fleetId }) => fleetId))], nowMs);
    const fresh = open.filter(({ routeId }) => !this.#routes.has(routeId));
    for (let from = 0; from < fresh.length; from += ROUTES_PER_BATCH) {
      await this.#begin(fresh.slice(from, from + ROUTES_PER_BATCH));
    }
    const behind = open.filter(({ routeId, version }) => version >= (this.#routes.get(routeId)?.knownVersion ?? 0));
    await this.#loadPlans(behind.flatMap(({ routeId }) => this.#routes.get(routeId) ?? []));
    await this.#loadBindings([...this.#routes.values()]);
  }

  /** Folds what is new for all routes; returns when nothing is left that can be folded now. */
  async round(): Promise<void> {
    const horizon = await readFoldHorizon(this.#client);
    const devices = new Set([...this.#routes.values()].flatMap(({ bindings }) => bindings.map((b) => b.deviceId)));
    const lastSeqs = await readLastSeqs(this.#client, [...devices]);
    let due = [...this.#routes.values()].filter((route) => this.#isDue(route, horizon, lastSeqs));
    while (due.length > 0) {
      const unfinished: TrackedRoute[] = [];
      for (let from = 0; from < due.length; from += ROUTES_PER_BATCH) {
        unfinished.push(...(await this.#foldBatch(due.slice(from, from + ROUTES_PER_BATCH), horizon, lastSeqs)));
      }
      due = unfinished;
    }
  }

  async #begin(open: readonly OpenRoute[]): Promise<void> {
    const routeIds = open.map(({ routeId }) => routeId);
    const states = new Map((await readRouteStates(this.#client, routeIds)).map(({ routeId, fold }) => [routeId, fold]));
    const ticks = Map.groupBy(await readRouteTicks(this.#client, routeIds), ({ routeId }) => routeId);
    const plans = Map.groupBy(
      await readPlanVersions(
        this.#client,
        open.map(({ routeId }) => ({
          routeId,
          version: (states.get(routeId) as PackedState | undefined)?.version ?? 1,
        })),
      ),
      ({ routeId }) => routeId,
    );
    const fresh = open.filter(({ routeId }) => !states.has(routeId) && plans.has(routeId));
    const starts = new Map(
      fresh.map(({ routeId }) => {
        const { plan, effectiveAtMs, fromSeq } = plans.get(routeId)![0]!;
        return [routeId, { atMs: opensAtMs(readPlan(plan), effectiveAtMs), fromSeq }];
      }),
    );
    const seqs = await readSeqsAt(
      this.#client,
      fresh.map(({ routeId }) => starts.get(routeId)!.atMs),
    );
    const startOf = new Map(fresh.map(({ routeId }, index) => [routeId, starts.get(routeId)!.fromSeq ?? seqs[index]!]));
    const begun: TrackedRoute[] = [];
    for (const route of open) {
      const { routeId, fleetId } = route;
      const packed = states.get(routeId) as PackedState | undefined;
      const state = packed && unpackState(packed);
      const fold = state === undefined ? routeInitial(startOf.get(routeId) ?? 0) : { plan: null, state };
      const findEstimator = () => this.#deps.estimators?.find(fleetId) ?? null;
      const tracked = new TrackedRoute(route, fold, ticks.get(routeId) ?? [], findEstimator);
      tracked.takePlans(plans.get(routeId) ?? []);
      this.#routes.set(routeId, tracked);
      if (state === undefined) begun.push(tracked);
    }
    // What is folded again after a crash, or from nothing, was issued then and stays as it was issued.
    const issued = await readIssuedUntil(this.#client, routeIds);
    for (const routeId of routeIds) this.#routes.get(routeId)!.issuedUntilMs = issued.get(routeId) ?? 0;
    await this.#loadBindings(begun);
    for (const route of begun) await this.#takeUp(route, starts.get(route.routeId)?.atMs ?? 0);
  }

  /** The first plan counts where the fold begins, and the devices stand where they stand. */
  async #takeUp(route: TrackedRoute, atMs: number): Promise<void> {
    route.placePlans(atMs);
    const ranges = this.#rangesOf(route, route.state.cursorSeq);
    const { geofenceIds } = route;
    if (ranges.length === 0 || geofenceIds.length === 0) return;
    route.seed(await readCrossingsBefore(this.#client, ranges, geofenceIds));
  }

  async #loadPlans(routes: readonly TrackedRoute[]): Promise<void> {
    const after = routes.map((route) => ({ routeId: route.routeId, version: route.knownVersion }));
    const plans = Map.groupBy(await readPlanVersions(this.#client, after), ({ routeId }) => routeId);
    for (const route of routes) route.takePlans(plans.get(route.routeId) ?? []);
  }

  async #loadBindings(routes: readonly TrackedRoute[]): Promise<void> {
    const vehicleIds = new Set(routes.flatMap(({ vehicleId }) => vehicleId ?? []));
    const bindings = await readVehicleBindings(this.#client, [...vehicleIds], this.#deps.now() - FORGOTTEN_MS);
    const byVehicle = Map.groupBy(bindings, ({ vehicleId }) => vehicleId);
    for (const route of routes) route.bindings = byVehicle.get(route.vehicleId ?? -1) ?? [];
  }

  #isDue(route: TrackedRoute, horizon: FoldHorizon, lastSeqs: ReadonlyMap<number, number>): boolean {
    const { cursorSeq } = route.state;
    if (route.bindings.some(({ deviceId }) => (lastSeqs.get(deviceId) ?? -1) >= cursorSeq)) return true;
    return route.isChanged || route.hasWaitingPlan || this.#tickMs(route, horizon) !== null;
  }

  /** Folds these routes as far as can be read at once; gives those that have more. */
  async #foldBatch(
    routes: readonly TrackedRoute[],
    horizon: FoldHorizon,
    lastSeqs: ReadonlyMap<number, number>,
  ): Promise<TrackedRoute[]> {
    const places = routes.map((route) => ({ route, untilSeq: untilOf(route, horizon) }));
    const ranges = places.map(({ route, untilSeq }) => this.#rangesOf(route, untilSeq));
    const flat = ranges.flat();
    const [fixes, crossings] = [
      await readRouteFixes(this.#client, flat, ROWS_PER_SOURCE),
      await readRouteCrossings(this.#client, flat, ROWS_PER_SOURCE),
    ];
    const fixesOf = Map.groupBy(fixes, ({ range }) => range);
    const crossingsOf = Map.groupBy(crossings, ({ range }) => range);
    const unfinished: TrackedRoute[] = [];
    let first = 0;
    for (const [index, { route, untilSeq }] of places.entries()) {
      const own = Array.from({ length: ranges[index]!.length }, (_, n) => first + n);
      first += own.length;
      const pages = own.map((range) => ({ fixes: fixesOf.get(range) ?? [], crossings: crossingsOf.get(range) ?? [] }));
      const merged = mergeInputs(pages, untilSeq, ROWS_PER_SOURCE);
      if (merged.untilSeq < route.state.cursorSeq) continue;
      const { vehicleId } = route;
      route.advance(merged.inputs, merged.untilSeq);
      const isMoved = route.vehicleId !== vehicleId;
      if (isMoved) await this.#loadBindings([route]);
      if (isMoved || merged.untilSeq < untilSeq) unfinished.push(route);
      else await this.#passTime(route, horizon, lastSeqs);
    }
    await this.#save(routes);
    return unfinished;
  }

  async #passTime(route: TrackedRoute, horizon: FoldHorizon, lastSeqs: ReadonlyMap<number, number>): Promise<void> {
    const isBehind = route.bindings.some(({ deviceId }) => (lastSeqs.get(deviceId) ?? -1) >= route.state.cursorSeq);
    if (isBehind) return;
    if (route.placePlans(this.#deps.now() - PLAN_PATIENCE_MS)) await this.#loadBindings([route]);
    const tickMs = this.#tickMs(route, horizon);
    if (tickMs !== null) route.tick(tickMs);
  }

  /** The time that a route is to be told; null: it knows it well enough. */
  #tickMs({ state, fold, bindings }: TrackedRoute, horizon: FoldHorizon): number | null {
    const nowMs = this.#deps.now();
    if (state.status !== "planned" && state.status !== "started") return null;
    const startMs = fold.plan === null ? null : plannedStartMs(fold.plan);
    if (state.status === "planned" && (startMs === null || nowMs < startMs)) return null;
    const isNew = state.position !== null && nowMs - state.position.receivedAtMs < LATER_MS;
    const everyMs = state.status === "started" && isNew ? TICK_MS : LATER_TICK_MS;
    if (nowMs - state.nowMs < everyMs) return null;
    const waits = bindings.some(({ deviceId }) => {
      const sinceMs = horizon.waitingSinceMs.get(partitionOf(deviceId));
      return sinceMs !== undefined && nowMs - sinceMs > LAG_MS_MAX;
    });
    return waits ? null : nowMs;
  }

  #rangesOf({ state, bindings }: TrackedRoute, untilSeq: number): FrameRange[] {
    if (state.status === "cancelled") return [];
    return [...new Set(bindings.map(({ deviceId }) => deviceId))].map((deviceId) => {
      const known = state.source.sources[deviceId]?.fix.fixTimeMs;
      const sinceMs = known ?? Math.max(0, state.nowMs - FIRST_FIX_MS);
      return { deviceId, fromSeq: state.cursorSeq, untilSeq, sinceMs };
    });
  }

  async #save(routes: readonly TrackedRoute[]): Promise<void> {
    const nowMs = this.#deps.now();
    for (const route of routes) {
      const estimator = this.#deps.estimators?.find(route.fleetId);
      for (const sample of route.takeTraffic()) estimator?.observeTraffic(sample);
    }
    const saved = routes
      .filter((route) => route.state.version > 0)
      .filter((route) => route.isChanged || nowMs - route.savedAtMs >= SAVED_MS_MAX)
      .map((route) => route.takeRows(route.isStateDue || nowMs - route.savedAtMs >= SAVED_MS_MAX, nowMs));
    if (saved.length === 0) return;
    await commitDelivery(this.#client, {
      routes: saved.flatMap(({ route }) => route ?? []),
      stops: saved.flatMap(({ stops }) => stops),
      events: saved.flatMap(({ events }) => events),
      placedPlans: saved.flatMap(({ placedPlans }) => placedPlans),
      ticks: saved.flatMap(({ ticks }) => ticks),
      etas: saved.flatMap(({ etas }) => etas),
      traffic: this.#keptTraffic(saved),
    });
  }

  #keptTraffic(saved: readonly TrackedRows[]): TrafficRow[] {
    const byFleet = Map.groupBy(saved, ({ fleetId }) => fleetId);
    return [...byFleet].flatMap(([fleetId, some]) => {
      const samples = some.flatMap(({ traffic }) => traffic);
      return samples.length === 0 ? [] : (this.#deps.estimators?.keepTraffic(fleetId, samples) ?? []);
    });
  }
}

/** Up to where all partitions of a vehicle's devices are folded; without devices, up to where the journal is known. */
function untilOf({ bindings, state }: TrackedRoute, { below, newest }: FoldHorizon): number {
  const ends = bindings.map(({ deviceId }) => below.get(partitionOf(deviceId)) ?? 0);
  return Math.max(state.cursorSeq, Math.min(newest, ...ends));
}
