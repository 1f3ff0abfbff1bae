import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import type { Database } from "#store/database.ts";
import { readFeedHorizon } from "#store/feeds.ts";

/** How often the horizon is looked at while something committed still lies above it, milliseconds. */
const HORIZON_POLL_MS = 20;
/** Looks at the horizon for one wake at most; a transaction that stays open longer leaves it to the streams' own polling. */
const HORIZON_POLLS_MAX = 50;

/** One reader of a feed. News that comes between two waits is not lost: the next wait returns at once. */
export type FeedSleeper = {
  /** Resolves when there is news, after `timeoutMs`, or when closed. */
  wait(timeoutMs: number): Promise<void>;
  close(): void;
};

/**
 * Wakes readers of feeds when what was committed has become readable. A commit is announced while older transactions may
 * be open still, and a feed stops short of those; one loop for the whole process waits for them, not one per reader.
 *
 * States: idle, waiting (a loop runs), waiting with `again` set (announced meanwhile: the loop runs once more).
 */
export class FeedWaker {
  readonly #database: Database;
  readonly #logger: FastifyBaseLogger;
  readonly #wakes = new Set<() => void>();
  readonly #stopListening: () => void;
  #waiting = false;
  #again = false;
  #closed = false;

  constructor(database: Database, logger: FastifyBaseLogger, onStored: (listener: () => void) => () => void) {
    this.#database = database;
    this.#logger = logger;
    this.#stopListening = onStored(() => void this.#announced());
  }

  openSleeper(): FeedSleeper {
    let news = false;
    let closed = false;
    let resolvePending: (() => void) | undefined;
    const wake = () => {
      news = true;
      resolvePending?.();
    };
    this.#wakes.add(wake);
    return {
      wait: async (timeoutMs) => {
        if (!news && !closed) {
          const { promise, resolve } = Promise.withResolvers<void>();
          resolvePending = resolve;
          const timer = setTimeout(resolve, timeoutMs);
          await promise;
          clearTimeout(timer);
          resolvePending = undefined;
        }
        news = false;
      },
      close: () => {
        closed = true;
        this.#wakes.delete(wake);
        resolvePending?.();
      },
    };
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
  }

  async #announced(): Promise<void> {
    this.#again = true;
    if (this.#waiting || this.#wakes.size === 0) return;
    this.#waiting = true;
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        await this.#untilReadable();
        for (const wake of this.#wakes) wake();
      }
    } catch (error) {
      this.#logger.warn({ err: error }, "feed horizon not readable; streams poll by themselves");
    } finally {
      this.#waiting = false;
    }
  }

  async #untilReadable(): Promise<void> {
    const { horizon, next: target } = await readFeedHorizon(this.#database);
    let reached = horizon;
    for (let polls = 0; reached < target && polls < HORIZON_POLLS_MAX && !this.#closed; polls++) {
      await sleep(HORIZON_POLL_MS);
      reached = (await readFeedHorizon(this.#database)).horizon;
    }
  }
}
