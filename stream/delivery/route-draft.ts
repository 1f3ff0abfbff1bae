import { createHash } from "node:crypto";
import type { EtaEstimator } from "../eta/eta.ts";
import type { PlannedStop, RoutePlan } from "./plan.ts";
import { remainingStops, type Serving, servingStop } from "./remaining.ts";
import type { DeliveryEventType, RouteOutputs, RouteState, StopState } from "./route-state.ts";
import { stopInitial } from "./route-state.ts";

/** What a route's fold may know besides its input; the same gives the same. */
export type RouteContext = {
  readonly routeId: string;
  /** Priority of a device's binding; the lower is preferred. */
  readonly priorityOf: (deviceId: number) => number;
  /** Null: no ETAs. */
  readonly estimator: EtaEstimator | null;
};

/** What made the fold look: every event names it. */
export type Cause = {
  /** One input has one key. */
  readonly key: string;
  readonly deviceId: number | null;
  readonly seq: number | null;
  /** When it was received, Unix milliseconds. */
  readonly detectedAtMs: number;
  /** It rests on late data, whatever it shows is history. */
  readonly late: boolean;
};

/** What is found out longer after it happened is history: it is told, but not as news. */
export const LIVE_MS_MAX = 600_000;

/** A route's state while one input is folded. Only its own copy is changed; everything inside is replaced, not changed. */
export class RouteDraft {
  readonly plan: RoutePlan;
  readonly context: RouteContext;
  readonly cause: Cause;
  readonly outputs: RouteOutputs;
  state: { -readonly [Name in keyof RouteState]: RouteState[Name] };
  /** The stop that the vehicle stood at when the input came. */
  readonly startedWith: { readonly servingId: string | null };
  /** Its own copy once something of a stop is changed, which most fixes don't. */
  #stops: { [stopId: string]: StopState } | null = null;
  #remaining: readonly PlannedStop[] | null = null;
  #serving: Serving | null | undefined;

  constructor(plan: RoutePlan, state: RouteState, context: RouteContext, cause: Cause, outputs: RouteOutputs) {
    this.state = { ...state };
    this.plan = plan;
    this.context = context;
    this.cause = cause;
    this.outputs = outputs;
    this.startedWith = { servingId: this.serving?.stop.stopId ?? null };
  }

  stop(stopId: string): StopState {
    return this.state.stops[stopId] ?? stopInitial(stopId);
  }

  /** The stops still to be reached, in the order in which they are expected. */
  get remaining(): readonly PlannedStop[] {
    this.#remaining ??= remainingStops(this);
    return this.#remaining;
  }

  /** The stop that the vehicle stands at. */
  get serving(): Serving | null {
    if (this.#serving === undefined) this.#serving = servingStop(this);
    return this.#serving;
  }

  /** Changes what is remembered of a stop. */
  remember(stopId: string, change: Partial<StopState>): void {
    this.#stops ??= { ...this.state.stops };
    this.#stops[stopId] = { ...this.stop(stopId), ...change };
    this.state.stops = this.#stops;
    if (change.status === undefined && change.visits === undefined) return;
    this.#remaining = null;
    this.#serving = undefined;
  }

  /** Changes a stop, and with it the row that others read. */
  show(stopId: string, change: Partial<StopState>): void {
    this.remember(stopId, change);
    this.outputs.changed.add(stopId);
  }

  /** Makes an event; gives its id. `subject` tells it from others of its type by the same cause. */
  emit(
    type: DeliveryEventType,
    subject: string,
    occurredAtMs: number,
    data: { readonly [name: string]: unknown },
    supersedes: string | null = null,
  ): string {
    const { cause, context } = this;
    const eventId = createHash("sha256")
      .update(`${type}|${context.routeId}|${subject}|${cause.key}`)
      .digest("base64url")
      .slice(0, 22);
    this.outputs.events.push({
      ...{ eventId, type, deviceId: cause.deviceId, occurredAtMs, supersedes },
      ...{ detectedAtMs: cause.detectedAtMs, frameSeq: cause.seq },
      replayed: cause.late || cause.detectedAtMs - occurredAtMs > LIVE_MS_MAX,
      data: { routeId: context.routeId, ...data },
    });
    return eventId;
  }

  /** The same for a stop. */
  emitOf(
    type: DeliveryEventType,
    stop: Pick<PlannedStop, "stopId">,
    occurredAtMs: number,
    data: { readonly [name: string]: unknown } = {},
    supersedes: string | null = null,
  ): string {
    return this.emit(type, stop.stopId, occurredAtMs, { stopId: stop.stopId, ...data }, supersedes);
  }
}
