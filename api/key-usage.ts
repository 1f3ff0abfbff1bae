import type { FastifyBaseLogger } from "fastify";
import type { Database } from "#store/database.ts";
import { touchKeys } from "#store/keys.ts";

/** Collects when keys were last used and writes that now and then: a request must not cost a write. */
export class KeyUsage {
  #lastUsedMs = new Map<number, number>();
  readonly #database: Database;
  readonly #logger: FastifyBaseLogger;
  readonly #timer: NodeJS.Timeout;

  constructor(database: Database, logger: FastifyBaseLogger, flushMs: number) {
    this.#database = database;
    this.#logger = logger;
    this.#timer = setInterval(() => void this.flush(), flushMs);
    this.#timer.unref();
  }

  note(keyId: number, timeMs: number): void {
    this.#lastUsedMs.set(keyId, timeMs);
  }

  /** Never rejects: what cannot be written now is kept for the next time. */
  async flush(): Promise<void> {
    const lastUsedMs = this.#lastUsedMs;
    this.#lastUsedMs = new Map();
    try {
      await touchKeys(this.#database, lastUsedMs);
    } catch (error) {
      this.#logger.warn({ err: error }, "last use of API keys not written yet");
      this.#lastUsedMs = new Map([...lastUsedMs, ...this.#lastUsedMs]);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
