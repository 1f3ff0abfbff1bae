import type { Bounds } from "./shape.ts";

/** Cells of level k are 2^(FINEST - k) times as wide as the finest, which are 360° / 2^20 (38 m at the equator). */
const FINEST_BITS = 20;
const LEVELS = FINEST_BITS + 1;
const FINEST_PER_DEG = 2 ** FINEST_BITS / 360;
const COLUMNS = 2 ** FINEST_BITS;
const EMPTY = -1;
/** Longer ways than this many cells of a level are not followed: no vehicle drives so far between two fixes. */
const WAY_CELLS_MAX = 4_096;

/**
 * Which of many boxes hold a place, or meet a way: a flat hash of grid cells. Each box is put on the level whose cells are
 * at least as large as itself, so it lies in at most four, and a place is looked up once on every level in use. Answers
 * may hold boxes that only share a cell with the place, and along a way a box twice; what holds it is never missed.
 */
export class Grid {
  /** Open addressing: the cell of each slot, and where its items begin; they end where the next slot's begin. */
  readonly #keys: Float64Array;
  readonly #starts: Int32Array;
  readonly #mask: number;
  readonly #items: Int32Array;
  readonly #levels: readonly number[];

  constructor(boxes: readonly Bounds[]) {
    const slots = 2 ** Math.ceil(Math.log2(boxes.length * 8 + 8));
    this.#keys = new Float64Array(slots).fill(EMPTY);
    this.#starts = new Int32Array(slots + 1);
    this.#mask = slots - 1;
    const entrySlots = new Int32Array(boxes.length * 4);
    const entryItems = new Int32Array(boxes.length * 4);
    const levels = new Set<number>();
    let entries = 0;
    for (const [item, box] of boxes.entries()) {
      const level = levelOf(box);
      levels.add(level);
      const scale = FINEST_PER_DEG / 2 ** level;
      const southRow = rowOf(box.southDeg, scale);
      const northRow = rowOf(box.northDeg, scale);
      const westColumn = Math.floor((box.westDeg + 180) * scale);
      // On the widest levels a box may go round the earth, over the same cells again.
      const furthest = westColumn + Math.min(2, COLUMNS / 2 ** level) - 1;
      const eastColumn = Math.min(Math.floor((box.eastDeg + 180) * scale), furthest);
      for (let row = southRow; row <= northRow; row++) {
        for (let column = westColumn; column <= eastColumn; column++) {
          const slot = this.#slotFor(keyOf(level, row, wrapped(column, level)));
          entrySlots[entries] = slot;
          entryItems[entries++] = item;
          this.#starts[slot]!++;
        }
      }
    }
    this.#items = this.#gather(entrySlots, entryItems, entries);
    this.#levels = [...levels];
  }

  /** Calls `found` with the box numbers of the cells at a place. */
  at(latDeg: number, lonDeg: number, found: (item: number) => void): void {
    for (const level of this.#levels) {
      const scale = FINEST_PER_DEG / 2 ** level;
      this.#cell(level, rowOf(latDeg, scale), Math.floor((lonDeg + 180) * scale), found);
    }
  }

  /** Calls `found` with the box numbers of the cells that a straight way goes through; `lonStepDeg` may cross ±180. */
  along(latDeg: number, lonDeg: number, latStepDeg: number, lonStepDeg: number, found: (item: number) => void): void {
    for (const level of this.#levels) {
      const scale = FINEST_PER_DEG / 2 ** level;
      this.#walk(level, (latDeg + 90) * scale, (lonDeg + 180) * scale, latStepDeg * scale, lonStepDeg * scale, found);
    }
  }

  /** Amanatides and Woo (1987): from cell to cell, over whichever border comes next. */
  #walk(level: number, y: number, x: number, dy: number, dx: number, found: (item: number) => void): void {
    let row = Math.floor(y);
    let column = Math.floor(x);
    const lastRow = Math.floor(y + dy);
    const lastColumn = Math.floor(x + dx);
    const cells = Math.abs(lastRow - row) + Math.abs(lastColumn - column);
    if (cells > WAY_CELLS_MAX) return;
    let nextY = dy === 0 ? Number.POSITIVE_INFINITY : (dy > 0 ? row + 1 - y : y - row) / Math.abs(dy);
    let nextX = dx === 0 ? Number.POSITIVE_INFINITY : (dx > 0 ? column + 1 - x : x - column) / Math.abs(dx);
    this.#cell(level, row, column, found);
    for (let step = 0; step < cells; step++) {
      // Rounding must not lead past the last row or column.
      if (column === lastColumn || (row !== lastRow && nextY < nextX)) {
        row += Math.sign(dy);
        nextY += 1 / Math.abs(dy);
      } else {
        column += Math.sign(dx);
        nextX += 1 / Math.abs(dx);
      }
      this.#cell(level, row, column, found);
    }
  }

  #cell(level: number, row: number, column: number, found: (item: number) => void): void {
    const key = keyOf(level, row, wrapped(column, level));
    let slot = hashOf(key) & this.#mask;
    for (let at = this.#keys[slot]!; at !== key; at = this.#keys[slot]!) {
      if (at === EMPTY) return;
      slot = (slot + 1) & this.#mask;
    }
    const end = this.#starts[slot + 1]!;
    for (let entry = this.#starts[slot]!; entry < end; entry++) found(this.#items[entry]!);
  }

  /** Puts the items of each slot side by side; the counts in `#starts` become places. */
  #gather(entrySlots: Int32Array, entryItems: Int32Array, entries: number): Int32Array {
    const starts = this.#starts;
    for (let slot = 1; slot < starts.length; slot++) starts[slot]! += starts[slot - 1]!;
    const items = new Int32Array(entries);
    for (let entry = entries - 1; entry >= 0; entry--) items[--starts[entrySlots[entry]!]!] = entryItems[entry]!;
    return items;
  }

  #slotFor(key: number): number {
    let slot = hashOf(key) & this.#mask;
    while (this.#keys[slot] !== EMPTY && this.#keys[slot] !== key) slot = (slot + 1) & this.#mask;
    this.#keys[slot] = key;
    return slot;
  }
}

/** The finest level in use whose cells are as large as the box. */
function levelOf(box: Bounds): number {
  const sizeDeg = Math.max(box.northDeg - box.southDeg, box.eastDeg - box.westDeg) * 1.000001;
  const level = Math.ceil(Math.log2(sizeDeg * FINEST_PER_DEG));
  // Every other level is used: half as many places to look at outweighs larger cells.
  return Math.min(LEVELS - 1, Math.max(0, level + (level & 1)));
}

function rowOf(latDeg: number, scale: number): number {
  return Math.floor((latDeg + 90) * scale);
}

function wrapped(column: number, level: number): number {
  return column & (COLUMNS / 2 ** level - 1);
}

function keyOf(level: number, row: number, column: number): number {
  return (level * COLUMNS + row) * COLUMNS + column;
}

function hashOf(key: number): number {
  const low = key | 0;
  const high = (key / 4_294_967_296) | 0;
  const mixed = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
