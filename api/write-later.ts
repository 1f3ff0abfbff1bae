import type { FastifyBaseLogger } from "fastify";

/**
 * Figures by id that requests leave behind and that are written now and then: a request must not cost a write. What is
 * noted again before it is written is merged by `merge`.
 */
export class WriteLater {
  #noted = new Map<number, number>();
  readonly #write: (noted: ReadonlyMap<number, number>) => Promise<void>;
  readonly #merge: (before: number, after: number) => number;
  readonly #logger: FastifyBaseLogger;
  readonly #timer: NodeJS.Timeout;

  constructor(
    write: (noted: ReadonlyMap<number, number>) => Promise<void>,
    merge: (before: number, after: number) => number,
    logger: FastifyBaseLogger,
    flushMs: number,
  ) {
    this.#write = write;
    this.#merge = merge;
    this.#logger = logger;
    this.#timer = setInterval(() => void this.flush(), flushMs);
    this.#timer.unref();
  }

  note(id: number, value: number): void {
    const before = this.#noted.get(id);
    this.#noted.set(id, before === undefined ? value : this.#merge(before, value));
  }

  /** Never rejects: what cannot be written now is kept for the next time. */
  async flush(): Promise<void> {
    const noted = this.#noted;
    this.#noted = new Map();
    try {
      await this.#write(noted);
    } catch (error) {
      this.#logger.warn({ err: error }, "use of keys or links is not written yet");
      for (const [id, value] of noted) this.note(id, value);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
