/** Tiles by name, the least recently asked for forgotten first once they take more than `bytesMax`. */
export class TileCache {
  readonly #bytesMax: number;
  readonly #tiles = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(name: string): Uint8Array | undefined {
    const tile = this.#tiles.get(name);
    if (tile === undefined) return undefined;
    this.#tiles.delete(name);
    this.#tiles.set(name, tile);
    return tile;
  }

  set(name: string, tile: Uint8Array): void {
    this.#bytes += sizeOf(name, tile) - sizeOf(name, this.#tiles.get(name));
    this.#tiles.delete(name);
    this.#tiles.set(name, tile);
    for (const [oldest, forgotten] of this.#tiles) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#tiles.delete(oldest);
      this.#bytes -= sizeOf(oldest, forgotten);
    }
  }
}

/** A tile without roads takes place as well. */
const ENTRY_BYTES = 100;

function sizeOf(name: string, tile: Uint8Array | undefined): number {
  return tile === undefined ? 0 : tile.byteLength + name.length + ENTRY_BYTES;
}
