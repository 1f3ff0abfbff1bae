import type { FreshnessThresholds } from "#stream/freshness.ts";
import type { ApiClient } from "./api-client.ts";
import { ApiProblem } from "./api-client.ts";
import { readEventStream } from "./event-stream.ts";
import type { FixJson } from "./fix.ts";
import { type FleetAnswer, type Unit, unitsOf, withFix } from "./fleet.ts";
import { pause } from "./follow-events.ts";

/** `connecting` before the first answer, `lost` while the server can't be reached: positions then only grow older. */
export type Connection = "connecting" | "following" | "lost" | "refused";

export type FleetNow = { units: readonly Unit[]; connection: Connection };

type Settings = { now: string; freshness: FreshnessThresholds };

/** Which devices speak for which vehicles, and new names, are looked up this often. */
const RELOAD_MS = 15_000;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 20_000;

/** Follows a fleet: the latest of all once, then every fix as it is stored. Tells its listeners, at most once a frame. */
export class FleetWatch {
  readonly #client: ApiClient;
  readonly #stopped = new AbortController();
  readonly #listeners = new Set<(fleet: FleetNow) => void>();
  readonly #fixListeners = new Set<(fix: FixJson) => void>();
  #now: FleetNow = { units: [], connection: "connecting" };
  #aheadMs = 0;
  #told = false;
  thresholds: FreshnessThresholds = { delayedS: 60, staleS: 300, offlineS: 1_800 };

  constructor(client: ApiClient) {
    this.#client = client;
  }

  get now(): FleetNow {
    return this.#now;
  }

  /** The server's time, Unix milliseconds: the reader's clock may be wrong. */
  nowMs(): number {
    return Date.now() + this.#aheadMs;
  }

  listen(listener: (fleet: FleetNow) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Every fix as it comes, late ones too. */
  listenToFixes(listener: (fix: FixJson) => void): () => void {
    this.#fixListeners.add(listener);
    return () => this.#fixListeners.delete(listener);
  }

  /** Rejects with an `ApiProblem` when the key is refused; afterwards it goes on by itself until `stop`. */
  async start(): Promise<void> {
    await this.#load();
    void this.#follow();
    void this.#reloadNowAndThen();
  }

  stop(): void {
    this.#stopped.abort();
    this.#listeners.clear();
    this.#fixListeners.clear();
  }

  async #load(): Promise<void> {
    const settings = await this.#client.get<Settings>("/console.json");
    this.#aheadMs = Date.parse(settings.now) - Date.now();
    this.thresholds = settings.freshness;
    const [positions, vehiclePositions, vehicles, devices] = await Promise.all([
      this.#client.allReadable("/v1/positions"),
      this.#client.allReadable("/v1/vehicles/positions"),
      this.#client.allReadable("/v1/vehicles"),
      this.#client.allReadable("/v1/devices"),
    ]);
    const before = new Map(this.#now.units.map((unit) => [unit.id, unit]));
    const units = unitsOf({ positions, vehiclePositions, vehicles, devices } as FleetAnswer).map((unit) => {
      // What came over the stream meanwhile may be newer than the answer.
      const known = before.get(unit.id)?.fix;
      return known ? withFix(unit, known) : unit;
    });
    this.#change({ units });
  }

  async #follow(): Promise<void> {
    let lastEventId: string | null = null;
    let retryMs = RETRY_MS_MIN;
    while (!this.#stopped.signal.aborted) {
      try {
        const path = "/v1/events/stream?feed=fixes";
        const body = await this.#client.open(path, lastEventId, this.#stopped.signal);
        this.#change({ connection: "following" });
        for await (const { id, data } of readEventStream(body)) {
          lastEventId = id ?? lastEventId;
          retryMs = RETRY_MS_MIN;
          if (data !== "") this.#take(JSON.parse(data) as FixJson);
        }
        this.#change({ connection: "lost" });
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        const isRefused = error instanceof ApiProblem && (error.status === 401 || error.status === 403);
        this.#change({ connection: isRefused ? "refused" : "lost" });
        // A place that is not honoured any more, or too old: begin with what is now.
        if (error instanceof ApiProblem && error.status !== 429 && error.status < 500) lastEventId = null;
      }
      await pause(retryMs, this.#stopped.signal);
      retryMs = Math.min(RETRY_MS_MAX, retryMs * 2);
    }
  }

  #take(fix: FixJson): void {
    for (const listener of this.#fixListeners) listener(fix);
    let changed = false;
    const units = this.#now.units.map((unit) => {
      const next = withFix(unit, fix);
      changed ||= next !== unit;
      return next;
    });
    if (changed) this.#change({ units });
  }

  async #reloadNowAndThen(): Promise<void> {
    for (;;) {
      await pause(RELOAD_MS, this.#stopped.signal);
      if (this.#stopped.signal.aborted) return;
      // The stream says what is wrong; the next turn tries again.
      await this.#load().catch(() => undefined);
    }
  }

  #change(change: Partial<FleetNow>): void {
    this.#now = { ...this.#now, ...change };
    if (this.#told) return;
    this.#told = true;
    setTimeout(() => {
      this.#told = false;
      for (const listener of this.#listeners) listener(this.#now);
    }, FRAME_MS);
  }
}

/** Rows that change more often than this can't be read. */
const FRAME_MS = 100;
