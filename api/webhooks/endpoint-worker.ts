import { setTimeout as sleep } from "node:timers/promises";
import type { Dispatcher } from "undici";
import type { Claimed, Settled, Step } from "#store/webhook-deliveries.ts";
import { releaseEndpoint, stepEndpoint } from "#store/webhook-deliveries.ts";
import { eventJson } from "../event-json.ts";
import { type Attempt, attemptDelivery } from "./attempt.ts";
import { Bell } from "./bell.ts";
import type { WebhookDeps, WebhookMeasures } from "./deps.ts";
import { FAILING_MS_MAX, nextAttemptAtMs } from "./schedule.ts";
import { signatureHeaders } from "./signature.ts";

const USER_AGENT = "telematics-gateway-webhooks/1";
/** Steps that fail because the database is away are repeated; what the attempts brought is kept meanwhile. */
const STEP_RETRY_MS = 500;

type WorkerOptions = {
  deps: WebhookDeps;
  measures: WebhookMeasures;
  dispatcher: Dispatcher;
  endpointId: number;
  token: string;
  /** Nothing new is begun. */
  closing: AbortSignal;
  /** What is under way is broken off. */
  aborting: AbortSignal;
};

/**
 * Delivers to one endpoint for as long as something is due. It has its own attempts, its own connections and its own
 * pace, so that an endpoint that is slow or dead delays itself alone.
 *
 * States: stepping (writes what ended, begins what is due) ⇄ waiting (for an attempt's end, for news, for the next due
 * time, or for the time to renew the lease) → over (nothing due, nothing under way; or the endpoint is disabled or lost).
 */
export class EndpointWorker {
  readonly #options: WorkerOptions;
  readonly #bell = new Bell();
  readonly #underWay = new Set<string>();
  readonly #aborting: AbortSignal;
  readonly #losing = new AbortController();
  #settled: Settled[] = [];
  #isGone = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#aborting = AbortSignal.any([options.aborting, this.#losing.signal]);
    options.closing.addEventListener("abort", () => this.wake(), { once: true });
  }

  wake(): void {
    this.#bell.ring();
  }

  /** Something was queued, perhaps for this endpoint. */
  hearNews(): void {
    if (!this.#isFull) this.#bell.ring();
  }

  get #isFull(): boolean {
    return this.#underWay.size >= this.#options.deps.limits.endpointAttemptsMax;
  }

  /** Resolves when nothing is due or the endpoint is not ours any more. Never rejects for what may pass by itself. */
  async run(): Promise<void> {
    const { deps, endpointId, token } = this.#options;
    let isDisabled = false;
    for (;;) {
      const step = await this.#step();
      if (step.kind === "lost") return this.#losing.abort();
      if (step.kind === "disabled" && !isDisabled) this.#options.measures.disabled.inc({ reason: step.reason });
      isDisabled = step.kind === "disabled";
      if (step.kind === "held") for (const claimed of step.claimed) this.#begin(step, claimed);
      if (this.#underWay.size === 0 && this.#settled.length === 0) {
        return releaseEndpoint(deps.database, endpointId, token);
      }
      const dueMs = step.kind === "held" && step.nextDueMs !== null ? step.nextDueMs - deps.now() : Number.MAX_VALUE;
      await this.#bell.wait(Math.min(this.#isFull ? Number.MAX_VALUE : Math.max(dueMs, 1), deps.limits.leaseMs / 3));
    }
  }

  async #step(): Promise<Step> {
    const { deps, endpointId, token, closing } = this.#options;
    const { limits } = deps;
    for (;;) {
      const settled = this.#settled;
      this.#settled = [];
      const slots = closing.aborted ? 0 : limits.endpointAttemptsMax - this.#underWay.size;
      try {
        return await stepEndpoint(deps.database, {
          ...{ endpointId, token, leaseMs: limits.leaseMs, nowMs: deps.now(), settled, slots, isGone: this.#isGone },
          ...{ underWay: [...this.#underWay], failingMsMax: FAILING_MS_MAX },
        });
      } catch (error) {
        if (this.#options.aborting.aborted) throw error;
        deps.logger.warn({ err: error }, "deliveries of a webhook cannot be written yet");
        this.#settled = [...settled, ...this.#settled];
        await sleep(STEP_RETRY_MS, undefined, { signal: this.#aborting }).catch(() => undefined);
      }
    }
  }

  #begin({ url, secrets }: Extract<Step, { kind: "held" }>, claimed: Claimed): void {
    this.#underWay.add(claimed.deliveryId);
    void this.#attempt(url, secrets, claimed).then((settled) => {
      this.#underWay.delete(claimed.deliveryId);
      this.#settled.push(settled);
      this.wake();
    });
  }

  async #attempt(url: string, secrets: readonly string[], claimed: Claimed): Promise<Settled> {
    const { deps, measures, dispatcher } = this.#options;
    const startedAtMs = deps.now();
    const attempt = await this.#post(url, secrets, claimed, startedAtMs, dispatcher);
    measures.attempts.inc({ outcome: attempt.outcome });
    measures.attemptSeconds.observe(attempt.durationMs / 1000);
    const { result, nextAttemptAtMs: nextMs } = this.#judge(attempt, claimed.failures);
    if (result === "dead") measures.dead.inc();
    if (attempt.outcome === "gone") this.#isGone = true;
    const { deliveryId, attempt: number } = claimed;
    const { retryAfterMs: _, ...logged } = attempt;
    return { ...logged, deliveryId, attempt: number, result, nextAttemptAtMs: nextMs, startedAtMs };
  }

  async #post(
    url: string,
    secrets: readonly string[],
    { event }: Claimed,
    nowMs: number,
    dispatcher: Dispatcher,
  ): Promise<Attempt> {
    const { deps } = this.#options;
    if (event === null) {
      const detail = "the event is not kept any more";
      return { outcome: "event_missing", status: null, durationMs: 0, detail, answer: null, retryAfterMs: null };
    }
    const json = eventJson(event);
    const body = JSON.stringify({ ...json, timestamp: json.occurredAt });
    const headers = {
      ...{ "content-type": "application/json", "user-agent": USER_AGENT },
      ...signatureHeaders({ id: event.eventId, body, secrets }, nowMs),
    };
    const { attemptTimeoutMs: timeoutMs } = deps.limits;
    return attemptDelivery(url, { headers, body }, { dispatcher, timeoutMs, signal: this.#aborting, nowMs: deps.now });
  }

  #judge({ outcome, retryAfterMs }: Attempt, failures: number): Pick<Settled, "result" | "nextAttemptAtMs"> {
    const { now, random, limits } = this.#options.deps;
    if (outcome === "delivered") return { result: "delivered", nextAttemptAtMs: null };
    if (outcome === "interrupted") return { result: "interrupted", nextAttemptAtMs: now() };
    if (outcome === "gone" || outcome === "event_missing") return { result: "dead", nextAttemptAtMs: null };
    const nextMs = nextAttemptAtMs(failures + 1, retryAfterMs, { delaysMs: limits.delaysMs, nowMs: now(), random });
    return { result: nextMs === null ? "dead" : "retry", nextAttemptAtMs: nextMs };
  }
}
