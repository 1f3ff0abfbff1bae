import type { FastifyBaseLogger } from "fastify";
import type { Database } from "#store/database.ts";
import { addLinkViews } from "#store/tracking-links.ts";

/** Collects page views of links and writes the counts now and then: opening a page must not cost a write. */
export class LinkViews {
  #views = new Map<number, number>();
  readonly #database: Database;
  readonly #logger: FastifyBaseLogger;
  readonly #timer: NodeJS.Timeout;

  constructor(database: Database, logger: FastifyBaseLogger, flushMs: number) {
    this.#database = database;
    this.#logger = logger;
    this.#timer = setInterval(() => void this.flush(), flushMs);
    this.#timer.unref();
  }

  note(linkId: number): void {
    this.#views.set(linkId, (this.#views.get(linkId) ?? 0) + 1);
  }

  /** Never rejects: what cannot be written now is kept for the next time. */
  async flush(): Promise<void> {
    const views = this.#views;
    this.#views = new Map();
    try {
      await addLinkViews(this.#database, views);
    } catch (error) {
      this.#logger.warn({ err: error }, "views of tracking links not written yet");
      for (const [linkId, count] of views) this.#views.set(linkId, (this.#views.get(linkId) ?? 0) + count);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
