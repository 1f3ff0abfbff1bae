/** A begun frame's storage doubles up to this; the growth is bounded by what was really received. */
const STORAGE_BYTES_MIN = 256;

/**
 * The bytes of one connection that were received and not yet consumed. Exists only while there are some.
 *
 * A chunk that arrives alone is kept as it is, without a copy; further chunks are gathered in a storage that doubles, so
 * that a frame sent byte by byte costs its length, not its square. Bytes handed out are never overwritten: a frame may
 * be held by the journal after it was consumed here.
 */
export class ReceivedBytes {
  #storage: Uint8Array;
  #start = 0;
  #end: number;
  #owned = false;
  /** Bytes in all that are wanted before it is worth looking again. */
  needed = 0;

  constructor(chunk: Uint8Array) {
    this.#storage = chunk;
    this.#end = chunk.length;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Memory that is kept for them. */
  get storageBytes(): number {
    return this.#storage.buffer.byteLength;
  }

  view(): Uint8Array {
    return this.#start === 0 && this.#end === this.#storage.length
      ? this.#storage
      : this.#storage.subarray(this.#start, this.#end);
  }

  consume(byteCount: number): void {
    this.#start += byteCount;
  }

  append(chunk: Uint8Array): void {
    if (!this.#owned || this.#end + chunk.length > this.#storage.length) this.#grow(this.length + chunk.length);
    this.#storage.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Lets go of a large chunk of which only the tail is still wanted. */
  shrink(): void {
    if (this.#storage.buffer.byteLength > 4 * this.length + STORAGE_BYTES_MIN) this.#grow(this.length);
  }

  #grow(byteCount: number): void {
    const storage = new Uint8Array(Math.max(STORAGE_BYTES_MIN, 2 * byteCount));
    const held = this.view();
    storage.set(held, 0);
    this.#storage = storage;
    this.#start = 0;
    this.#end = held.length;
    this.#owned = true;
  }
}
