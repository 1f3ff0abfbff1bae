import type { JournalFrame, JournalReader } from "#store/journal.ts";

/** The journal behind a writer's cursors. What was read and had no room in a batch waits here and is not read again. */
export class ComingFrames {
  readonly #journal: JournalReader;
  #waiting: JournalFrame[] = [];

  constructor(journal: JournalReader) {
    this.#journal = journal;
  }

  /** The next frames, at most `limit`, in the journal's order within each partition; the same until they are taken. */
  async next(cursors: ReadonlyMap<number, number>, limit: number): Promise<readonly JournalFrame[]> {
    if (this.#waiting.length === 0) this.#waiting = (await this.#journal.read(cursors, limit)).map(inWholeMs);
    return this.#waiting.slice(0, limit);
  }

  /** The first so many of the next frames are on their way into the store. */
  took(frames: number): void {
    this.#waiting = this.#waiting.slice(frames);
  }

  /** Frames of these devices are another writer's from now on. */
  forget(isTheirs: (deviceId: number) => boolean): void {
    this.#waiting = this.#waiting.filter((frame) => !isTheirs(frame.deviceId));
  }
}

/** Times are identities, and a replay reads them in whole milliseconds. */
function inWholeMs(frame: JournalFrame): JournalFrame {
  if (Number.isInteger(frame.receivedAtMs)) return frame;
  return { ...frame, receivedAtMs: Math.floor(frame.receivedAtMs) };
}
