export type JournalLog = (line: string, level: "info" | "warn" | "error") => void;

/** Whether this process leads the journal, and what people are told of it: each change once, however often it is tried. */
export class JournalLeadership {
  readonly #log: JournalLog;
  #ready = false;
  #standby = false;
  #hasLed = false;
  #isOutageTold = false;
  #isStandbyTold = false;
  #isUnsafeTold = false;

  constructor(log: JournalLog = () => undefined) {
    this.#log = log;
  }

  /** The lock is held and nothing is in doubt. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Another process leads. */
  get standby(): boolean {
    return this.#standby;
  }

  gained(): void {
    this.#ready = true;
    this.#hasLed = true;
    this.#standby = false;
    if (this.#isOutageTold || this.#isStandbyTold) this.#log("journal is ready, this process leads", "info");
    this.#isOutageTold = false;
    this.#isStandbyTold = false;
  }

  lost(): void {
    this.#ready = false;
  }

  /** The database could not be reached, or failed. */
  failed(error: unknown): void {
    if (!this.#isOutageTold) this.#log(`journal is not ready, devices are not acknowledged: ${String(error)}`, "warn");
    this.#isOutageTold = true;
  }

  /**
   * The lock is taken. Before it has ever led, a process stands by at once. One that has led may be waiting for what it
   * left in the server itself: it stands by when the wait is long.
   */
  waits(isLong: boolean): void {
    if (isLong || !this.#hasLed) this.#standby = true;
    if (!isLong || this.#isStandbyTold) return;
    this.#log("another process leads the journal: standing by, no device connection is taken", "warn");
    this.#isStandbyTold = true;
  }

  /** The server runs with these settings off, which the promise needs. */
  unsafe(settings: readonly string[]): void {
    if (this.#isUnsafeTold) return;
    const list = settings.join(" and ");
    this.#log(`the database runs with ${list} off: acknowledged records can be lost in a crash`, "error");
    this.#isUnsafeTold = true;
  }
}
