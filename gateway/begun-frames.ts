/**
 * The bytes of begun frames of all connections together. Each connection may hold a whole frame; many that begin one and
 * never end it must not fill the memory, so beyond `bytesMax` those that began first end first: a frame on its way is
 * complete in moments.
 */
export class BegunFrames {
  readonly #bytesMax: number;
  /** By age: a map keeps the order in which its keys came. */
  readonly #bytesOf = new Map<FrameHolder, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Says how much memory `holder` keeps for the frame that it has begun. */
  hold(holder: FrameHolder, byteCount: number): void {
    this.#bytes += byteCount - (this.#bytesOf.get(holder) ?? 0);
    this.#bytesOf.set(holder, byteCount);
    while (this.#bytes > this.#bytesMax) {
      const [oldest] = this.#bytesOf.keys();
      this.release(oldest!);
      oldest!.crowdedOut();
    }
  }

  release(holder: FrameHolder): void {
    this.#bytes -= this.#bytesOf.get(holder) ?? 0;
    this.#bytesOf.delete(holder);
  }
}

export type FrameHolder = {
  /** The frame that was begun must be let go, and its connection with it. */
  crowdedOut(): void;
};
