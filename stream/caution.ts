/** Frames folded one by one after the database refused a batch: as many as the batch can have had. */
const CAREFUL_FRAMES = 4_000;
/** SQLSTATE classes of refused values (22) and violated constraints (23): trying the same again can't help. */
const REFUSED = /^2[23]/;

/**
 * Finds the frame that makes the database refuse a batch. After a refusal batches have one frame, and every fix is looked
 * up before it is written; a frame that is refused alone is poison. Outlives the writer that met the refusal.
 */
export class Caution {
  #carefulFrames = 0;
  readonly #poison = new Set<number>();

  get active(): boolean {
    return this.#carefulFrames > 0;
  }

  framesMax(usual: number): number {
    return this.active ? 1 : usual;
  }

  isPoison(seq: number): boolean {
    return this.#poison.has(seq);
  }

  passed(frames: number): void {
    this.#carefulFrames = Math.max(0, this.#carefulFrames - frames);
    if (!this.active) this.#poison.clear();
  }

  /** `seqs`: the frames of the batch that failed with `error`. */
  failed(error: unknown, seqs: readonly number[]): void {
    if (!REFUSED.test(sqlStateOf(error))) return;
    if (this.active && seqs.length === 1) this.#poison.add(seqs[0] as number);
    this.#carefulFrames = CAREFUL_FRAMES;
  }
}

function sqlStateOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
