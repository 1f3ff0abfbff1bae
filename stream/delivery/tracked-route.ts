import type { DeliveryBatch, RouteRow, StopRow } from "#store/delivery-commit.ts";
import type { BindingRow, OpenRoute, PlanVersionRow, RouteTick } from "#store/delivery-fold.ts";
import type { NewEta } from "#store/eta-writes.ts";
import type { EtaEstimator, TrafficSample } from "../eta/eta.ts";
import { startPlace } from "./lifecycle.ts";
import { packState } from "./packed-state.ts";
import { type RoutePlan, readPlan } from "./plan.ts";
import { remainingStops, servingStop } from "./remaining.ts";
import type { RouteContext } from "./route-draft.ts";
import { foldRoute, outputsInitial } from "./route-fold.ts";
import {
  type RouteCrossing,
  type RouteFix,
  type RouteFold,
  type RouteInput,
  type RouteOutputs,
  type RouteState,
  type StopState,
  visitsThatCount,
} from "./route-state.ts";

/** An input of the journal: it has a place and a time of receipt. */
export type JournalInput = { kind: "fix"; fix: RouteFix; seq: number } | { kind: "crossing"; crossing: RouteCrossing };

type WaitingPlan = Omit<PlanVersionRow, "plan"> & { plan: RoutePlan };

/**
 * A route in the memory of the process that folds it: its state, the plans that wait for their time, and what has come of it
 * since it was last written. Whatever came from outside the journal is given a place in it here, and keeps it.
 */
export class TrackedRoute {
  readonly routeId: string;
  readonly fleetId: number;
  fold: RouteFold;
  bindings: readonly BindingRow[] = [];
  savedAtMs = 0;
  /** ETAs up to this time have been recorded already. */
  issuedUntilMs = 0;
  #outputs: RouteOutputs = outputsInitial();
  #waiting: WaitingPlan[] = [];
  /** Clocks of an earlier run. */
  #ticks: RouteTick[];
  #newTicks: RouteTick[] = [];
  #placed: { routeId: string; version: number; fromSeq: number }[] = [];
  /** Traffic that the stored state has not come to yet. */
  #unkeptTraffic: TrafficSample[] = [];
  readonly #findEstimator: () => EtaEstimator | null;

  constructor(
    { routeId, fleetId }: OpenRoute,
    fold: RouteFold,
    ticks: readonly RouteTick[],
    findEstimator: () => EtaEstimator | null,
  ) {
    this.routeId = routeId;
    this.fleetId = fleetId;
    this.fold = fold;
    this.#ticks = ticks.filter(({ fromSeq }) => fromSeq >= fold.state.cursorSeq);
    this.#findEstimator = findEstimator;
  }

  get state(): RouteState {
    return this.fold.state;
  }

  /** The vehicle whose devices are followed; that of the first plan before it was taken up. */
  get vehicleId(): number | null {
    return (this.fold.plan ?? this.#waiting[0]?.plan)?.vehicleId ?? null;
  }

  /** Geofences of all plans that are known. */
  get geofenceIds(): number[] {
    const plans = [...(this.fold.plan === null ? [] : [this.fold.plan]), ...this.#waiting.map(({ plan }) => plan)];
    return [...new Set(plans.flatMap(({ stops }) => stops.flatMap(({ geofenceId }) => geofenceId ?? [])))];
  }

  /** Takes the plans that are new, and the one that the state rests on after a restart. */
  takePlans(rows: readonly PlanVersionRow[]): void {
    for (const row of rows) {
      const { version } = this.state;
      if (row.version === version) this.fold = { ...this.fold, plan: this.fold.plan ?? readPlan(row.plan) };
      const isKnown = row.version <= version || this.#waiting.some((waiting) => waiting.version === row.version);
      if (!isKnown) this.#waiting.push({ ...row, plan: readPlan(row.plan) });
    }
  }

  /** The version after which plans are new. */
  get knownVersion(): number {
    return this.#waiting.at(-1)?.version ?? (this.fold.plan === null ? this.state.version : this.state.version + 1);
  }

  get hasWaitingPlan(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Folds inputs in their order, and then everything below `untilSeq` is folded. Stops early where a plan gives the route
   * to another vehicle: what comes after is read from that one's devices.
   */
  advance(inputs: readonly JournalInput[], untilSeq: number): void {
    for (const input of inputs) {
      const { seq, receivedAtMs } = placeOf(input);
      if (this.#placeBefore(seq, receivedAtMs)) return;
      if (this.#isOfVehicle(input)) this.#fold(input);
    }
    if (this.#placeBefore(untilSeq, Number.NEGATIVE_INFINITY)) return;
    this.#moveTo(untilSeq);
  }

  /** Plans count from now on, if their time has come; true where the route has got another vehicle. */
  placePlans(untilMs: number): boolean {
    return this.#placeBefore(this.state.cursorSeq, untilMs);
  }

  /** Says what time it is, at the place up to which the journal is folded. */
  tick(atMs: number): void {
    if (this.placePlans(atMs)) return;
    const tick = { routeId: this.routeId, fromSeq: this.state.cursorSeq, atMs };
    this.#newTicks.push(tick);
    this.#fold({ kind: "clock", atMs });
  }

  /** What the devices had crossed before the route was taken up: where they stand, nothing that happened on it. */
  seed(crossings: readonly RouteCrossing[]): void {
    const { plan } = this.fold;
    if (plan === null) return;
    const stops: Record<string, StopState> = { ...this.state.stops };
    for (const { geofenceId, eventId, deviceId, type, atMs } of crossings) {
      const stop = plan.stops.find((planned) => planned.geofenceId === geofenceId);
      const known = stop === undefined ? undefined : stops[stop.stopId];
      if (stop === undefined || known === undefined || type !== "entered") continue;
      stops[stop.stopId] = { ...known, crossings: [...known.crossings, { eventId, deviceId, type, atMs }] };
    }
    this.fold = { plan, state: { ...this.state, stops } };
  }

  get isChanged(): boolean {
    const { events, etas, changed, pathChanged } = this.#outputs;
    const news = events.length + etas.length + changed.size + this.#newTicks.length + this.#placed.length;
    return news > 0 || pathChanged;
  }

  /**
   * True where the state must be written with it. A crash may fold shown and recorded ETAs again, which gives the same rows;
   * what was told, and what came from outside the journal, is never to be found out a second time.
   */
  get isStateDue(): boolean {
    const { events, pathChanged } = this.#outputs;
    return events.length + this.#newTicks.length + this.#placed.length > 0 || pathChanged;
  }

  /** What was met on the road since the last call. */
  takeTraffic(): readonly TrafficSample[] {
    const { traffic } = this.#outputs;
    this.#outputs.traffic = [];
    this.#unkeptTraffic.push(...traffic);
    return traffic;
  }

  /** What is to be written, and forgets it: when writing fails the whole route is to be forgotten. */
  takeRows(withState: boolean, nowMs: number): TrackedRows {
    const outputs = this.#outputs;
    const rows: TrackedRows = {
      fleetId: this.fleetId,
      route: withState ? this.#routeRow(outputs.pathChanged) : null,
      stops: [...outputs.changed].map((stopId) => stopRowOf(this.routeId, this.state.stops[stopId] as StopState)),
      events: outputs.events.map((event) => ({ ...event, fleetId: this.fleetId })),
      etas: this.#issuedRows(outputs.etas),
      placedPlans: this.#placed,
      ticks: this.#newTicks,
      traffic: withState ? this.#unkeptTraffic : [],
    };
    this.#outputs = outputsInitial();
    this.#placed = [];
    this.#newTicks = [];
    if (withState) {
      this.savedAtMs = nowMs;
      this.#unkeptTraffic = [];
    }
    return rows;
  }

  #issuedRows(etas: RouteOutputs["etas"]): NewEta[] {
    const { routeId, fleetId } = this;
    const modelVersion = this.#findEstimator()?.model.version ?? 0;
    return etas
      .filter(({ computedMs }) => computedMs > this.issuedUntilMs)
      .map((eta) => ({ ...eta, routeId, fleetId, modelVersion }));
  }

  /** Puts plans and clocks in front of the frame `seq`; true where the route has got another vehicle. */
  #placeBefore(seq: number, receivedAtMs: number): boolean {
    for (;;) {
      const plan = this.#waiting[0];
      const tick = this.#ticks[0];
      const isPlanDue =
        plan !== undefined && (plan.fromSeq === null ? plan.effectiveAtMs <= receivedAtMs : plan.fromSeq <= seq);
      const isTickDue = tick !== undefined && tick.fromSeq <= seq;
      if (!isPlanDue && !isTickDue) return false;
      const planSeq = plan?.fromSeq ?? seq;
      const isTickFirst =
        isTickDue &&
        (!isPlanDue || tick.fromSeq < planSeq || (tick.fromSeq === planSeq && tick.atMs < plan.effectiveAtMs));
      if (isTickFirst) {
        this.#ticks.shift();
        this.#fold({ kind: "clock", atMs: tick.atMs });
      } else if (plan !== undefined && this.#takeUp(plan, planSeq)) {
        return true;
      }
    }
  }

  #takeUp(plan: WaitingPlan, fromSeq: number): boolean {
    this.#waiting.shift();
    if (plan.fromSeq === null) this.#placed.push({ routeId: this.routeId, version: plan.version, fromSeq });
    const before = this.fold.plan;
    this.#moveTo(Math.max(fromSeq, this.state.cursorSeq));
    this.fold = { plan: plan.plan, state: this.state };
    const input = { kind: "plan", version: plan.version, plan: plan.plan, atMs: plan.effectiveAtMs } as const;
    this.fold = foldRoute({ plan: before, state: this.state }, input, this.#context(), this.#outputs);
    return before !== null && before.vehicleId !== plan.plan.vehicleId;
  }

  #fold(input: RouteInput): void {
    this.fold = foldRoute(this.fold, input, this.#context(), this.#outputs);
  }

  #context(): RouteContext {
    const { routeId, bindings } = this;
    const priorityOf = (deviceId: number) =>
      bindings.find((binding) => binding.deviceId === deviceId)?.priority ?? Number.MAX_SAFE_INTEGER;
    return { routeId, priorityOf, estimator: this.#findEstimator() };
  }

  #isOfVehicle(input: JournalInput): boolean {
    const [deviceId, timeMs] =
      input.kind === "fix" ? [input.fix.deviceId, input.fix.fixTimeMs] : [input.crossing.deviceId, input.crossing.atMs];
    return this.bindings.some(
      (binding) =>
        binding.deviceId === deviceId && binding.boundFromMs <= timeMs && (binding.boundToMs ?? Infinity) > timeMs,
    );
  }

  #moveTo(cursorSeq: number): void {
    this.fold = { plan: this.fold.plan, state: { ...this.state, cursorSeq } };
  }

  #routeRow(pathChanged: boolean): RouteRow {
    const { fold, state } = this;
    const folded = fold.plan === null ? null : { plan: fold.plan, state };
    const target =
      folded && state.status === "started" ? (servingStop(folded)?.stop ?? remainingStops(folded)[0]) : null;
    return {
      ...{ routeId: this.routeId, version: state.version, status: state.status },
      ...{ startedAtMs: state.startedAtMs, completedAtMs: state.completedAtMs, currentStopId: target?.stopId ?? null },
      ...{ remainingPath: pathChanged ? this.#remainingPath() : undefined, fold: packState(state) },
    };
  }

  #remainingPath(): string | null {
    const { plan, state } = this.fold;
    const estimator = this.#findEstimator();
    if (plan === null || estimator === null) return null;
    if (state.status !== "planned" && state.status !== "started") return null;
    const stops = remainingStops({ plan, state });
    const from = startPlace(plan) ?? stops[0];
    if (stops.length === 0 || from === undefined) return null;
    const progress = state.progress ?? estimator.setOff(from, state.nowMs, null);
    return estimator.remainingPath(progress, stops);
  }
}

export type TrackedRows = Omit<DeliveryBatch, "routes" | "traffic"> & {
  fleetId: number;
  route: RouteRow | null;
  /** What was met on the road up to this state, since the one before. */
  traffic: readonly TrafficSample[];
};

function placeOf(input: JournalInput): { seq: number; receivedAtMs: number } {
  if (input.kind === "fix") return { seq: input.seq, receivedAtMs: input.fix.receivedAtMs };
  return { seq: input.crossing.seq, receivedAtMs: input.crossing.receivedAtMs };
}

function stopRowOf(routeId: string, stop: StopState): StopRow {
  const { stopId, status, stopsBefore, eta, absence, told, atRisk } = stop;
  const [visit] = visitsThatCount(stop);
  return {
    ...{ stopId, routeId, status, stopsBefore, atRisk },
    ...{ arrivedAtMs: visit?.arrivedAtMs ?? null, departedAtMs: visit?.departedAtMs ?? null },
    ...{ etaP10Ms: eta?.p10Ms ?? null, etaP50Ms: eta?.p50Ms ?? null, etaP90Ms: eta?.p90Ms ?? null },
    ...{ etaComputedMs: eta?.computedMs ?? null, etaBasis: eta?.basis ?? null, etaReason: eta?.reason ?? absence },
    ...{ toldP10Ms: told?.p10Ms ?? null, toldP50Ms: told?.p50Ms ?? null, toldP90Ms: told?.p90Ms ?? null },
    toldAtMs: told?.toldMs ?? null,
  };
}
