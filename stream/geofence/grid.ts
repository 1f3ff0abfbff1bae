import type { Bounds } from "./shape.ts";

/** Cells of level k are 2^(FINEST - k) times as wide as the finest, which are 360° / 2^20 (38 m at the equator). */
const FINEST_BITS = 20;
const LEVELS = FINEST_BITS + 1;
const FINEST_PER_DEG = 2 ** FINEST_BITS / 360;
const COLUMNS = 2 ** FINEST_BITS;
/** Numbers a slot: level and row, column, where its items begin; one more for its place in the cache. */
const SLOT = 4;
const START = 2;
const E7 = 1e7;
const TURN_E7 = 360 * E7;
/** The finest level's cells per degree, by level. */
const CELLS_PER_DEG = Float64Array.from({ length: LEVELS }, (_, level) => FINEST_PER_DEG / 2 ** level);
/** Of longer ways than this many cells of a level only the end is looked at: no vehicle drives so far between two fixes. */
const WAY_CELLS_MAX = 4_096;

/**
 * Which of many boxes hold a place, or meet a way: a flat hash of grid cells. Each box is put on the level whose cells are
 * at least as large as itself, so it lies in at most four, and a place is looked up once on every level in use. Answers
 * may hold boxes that only share a cell with the place; what holds it is never missed.
 */
export class Grid {
  /** Open addressing: the cell of each slot, and where its items begin; they end where the next slot's begin. */
  readonly #slots: Int32Array;
  readonly #mask: number;
  /** One bit a slot, whether a cell is there: most cells are empty, and this much stays in the cache (bench/geofence.ts). */
  readonly #used: Uint32Array;
  /** By entry: the box, and its edges south, west, north and east beside each other (1e-7 degrees, rounded outwards). */
  readonly #items: Int32Array;
  readonly #edges: Int32Array;
  /** The same of what is looked for. */
  readonly #sought = new Float64Array(4);
  readonly #levels: Int32Array;
  /** The search that found each box last. */
  readonly #seen: Uint32Array;
  #search = 0;
  /** Numbers of the boxes that the last search found, as many as it returned. Used again by the next. */
  readonly found: Int32Array;
  #count = 0;

  constructor(boxes: readonly Bounds[]) {
    const slots = 2 ** Math.ceil(Math.log2(boxes.length * 8 + 8));
    this.#slots = new Int32Array((slots + 1) * SLOT);
    this.#mask = slots - 1;
    this.#used = new Uint32Array(Math.ceil(slots / 32));
    this.#seen = new Uint32Array(boxes.length);
    this.found = new Int32Array(boxes.length);
    const entrySlots = new Int32Array(boxes.length * 4);
    const entryItems = new Int32Array(boxes.length * 4);
    const levels = new Set<number>();
    let entries = 0;
    for (const [item, box] of boxes.entries()) {
      const level = levelOf(box);
      levels.add(level);
      const scale = CELLS_PER_DEG[level]!;
      const southRow = rowOf(box.southDeg, scale);
      const northRow = rowOf(box.northDeg, scale);
      const westColumn = Math.floor((box.westDeg + 180) * scale);
      // On the widest levels a box may go round the earth, over the same cells again.
      const furthest = westColumn + Math.min(2, COLUMNS >> level) - 1;
      const eastColumn = Math.min(Math.floor((box.eastDeg + 180) * scale), furthest);
      for (let row = southRow; row <= northRow; row++) {
        for (let column = westColumn; column <= eastColumn; column++) {
          const slot = this.#slotFor(rowKeyOf(level, row), wrapped(column, level));
          entrySlots[entries] = slot;
          entryItems[entries++] = item;
          this.#slots[slot * SLOT + START]!++;
        }
      }
    }
    this.#items = this.#gather(entrySlots, entryItems, entries);
    this.#edges = edgesOf(boxes, this.#items);
    this.#levels = Int32Array.from(levels);
  }

  /** Finds the boxes that hold a place, each once; returns how many. */
  at(latDeg: number, lonDeg: number): number {
    this.#begin(latDeg, lonDeg, 0, 0);
    for (let i = 0; i < this.#levels.length; i++) {
      const level = this.#levels[i]!;
      const scale = CELLS_PER_DEG[level]!;
      this.#cell(level, rowOf(latDeg, scale), Math.floor((lonDeg + 180) * scale) | 0);
    }
    return this.#count;
  }

  /** Finds the boxes that the box of a straight way meets where the way goes, each once; `lonStepDeg` may cross ±180. */
  along(latDeg: number, lonDeg: number, latStepDeg: number, lonStepDeg: number): number {
    this.#begin(latDeg, lonDeg, latStepDeg, lonStepDeg);
    for (let i = 0; i < this.#levels.length; i++) {
      const level = this.#levels[i]!;
      const scale = CELLS_PER_DEG[level]!;
      this.#walk(level, (latDeg + 90) * scale, (lonDeg + 180) * scale, latStepDeg * scale, lonStepDeg * scale);
    }
    return this.#count;
  }

  #begin(latDeg: number, lonDeg: number, latStepDeg: number, lonStepDeg: number): void {
    this.#count = 0;
    this.#sought[0] = Math.min(latDeg, latDeg + latStepDeg) * E7;
    this.#sought[1] = Math.min(lonDeg, lonDeg + lonStepDeg) * E7;
    this.#sought[2] = Math.max(latDeg, latDeg + latStepDeg) * E7;
    this.#sought[3] = Math.max(lonDeg, lonDeg + lonStepDeg) * E7;
    this.#search = (this.#search + 1) >>> 0;
    if (this.#search > 0) return;
    this.#seen.fill(0);
    this.#search = 1;
  }

  /** Amanatides and Woo (1987): from cell to cell, over whichever border comes next. */
  #walk(level: number, y: number, x: number, dy: number, dx: number): void {
    let row = Math.floor(y) | 0;
    let column = Math.floor(x) | 0;
    const lastRow = Math.floor(y + dy) | 0;
    const lastColumn = Math.floor(x + dx) | 0;
    const cells = Math.abs(lastRow - row) + Math.abs(lastColumn - column);
    if (cells > WAY_CELLS_MAX) {
      this.#cell(level, lastRow, lastColumn);
      return;
    }
    this.#cell(level, row, column);
    if (cells === 0) return;
    let nextY = dy === 0 ? Number.POSITIVE_INFINITY : (dy > 0 ? row + 1 - y : y - row) / Math.abs(dy);
    let nextX = dx === 0 ? Number.POSITIVE_INFINITY : (dx > 0 ? column + 1 - x : x - column) / Math.abs(dx);
    for (let step = 0; step < cells; step++) {
      // Rounding must not lead past the last row or column.
      if (column === lastColumn || (row !== lastRow && nextY < nextX)) {
        row += Math.sign(dy);
        nextY += 1 / Math.abs(dy);
      } else {
        column += Math.sign(dx);
        nextX += 1 / Math.abs(dx);
      }
      this.#cell(level, row, column);
    }
  }

  #cell(level: number, row: number, column: number): void {
    const slots = this.#slots;
    const rowKey = rowKeyOf(level, row);
    const columnKey = wrapped(column, level);
    let slot = hashOf(rowKey, columnKey) & this.#mask;
    for (;;) {
      if ((this.#used[slot >>> 5]! & (1 << (slot & 31))) === 0) return;
      if (slots[slot * SLOT] === rowKey && slots[slot * SLOT + 1] === columnKey) break;
      slot = (slot + 1) & this.#mask;
    }
    const end = slots[(slot + 1) * SLOT + START]!;
    for (let entry = slots[slot * SLOT + START]!; entry < end; entry++) {
      if (!meets(this.#edges, entry * 4, this.#sought)) continue;
      const item = this.#items[entry]!;
      if (this.#seen[item] === this.#search) continue;
      this.#seen[item] = this.#search;
      this.found[this.#count++] = item;
    }
  }

  /** Puts the items of each slot side by side; the counts of the slots become places. */
  #gather(entrySlots: Int32Array, entryItems: Int32Array, entries: number): Int32Array {
    const slots = this.#slots;
    for (let at = SLOT + START; at < slots.length; at += SLOT) slots[at]! += slots[at - SLOT]!;
    const items = new Int32Array(entries);
    for (let entry = entries - 1; entry >= 0; entry--)
      items[--slots[entrySlots[entry]! * SLOT + START]!] = entryItems[entry]!;
    return items;
  }

  #slotFor(rowKey: number, columnKey: number): number {
    const slots = this.#slots;
    let slot = hashOf(rowKey, columnKey) & this.#mask;
    for (; (this.#used[slot >>> 5]! & (1 << (slot & 31))) !== 0; slot = (slot + 1) & this.#mask)
      if (slots[slot * SLOT] === rowKey && slots[slot * SLOT + 1] === columnKey) return slot;
    this.#used[slot >>> 5]! |= 1 << (slot & 31);
    slots[slot * SLOT] = rowKey;
    slots[slot * SLOT + 1] = columnKey;
    return slot;
  }
}

function edgesOf(boxes: readonly Bounds[], items: Int32Array): Int32Array {
  const edges = new Int32Array(items.length * 4);
  for (let entry = 0; entry < items.length; entry++) {
    const box = boxes[items[entry]!]!;
    edges[entry * 4] = Math.floor(box.southDeg * E7);
    edges[entry * 4 + 1] = Math.floor(box.westDeg * E7);
    edges[entry * 4 + 2] = Math.ceil(box.northDeg * E7);
    edges[entry * 4 + 3] = Math.ceil(box.eastDeg * E7);
  }
  return edges;
}

/** Boxes and ways may pass ±180, so they are compared a turn apart too. */
function meets(edges: Int32Array, at: number, sought: Float64Array): boolean {
  if (sought[2]! < edges[at]! || sought[0]! > edges[at + 2]!) return false;
  const west = sought[1]!;
  const east = sought[3]!;
  const boxWest = edges[at + 1]!;
  const boxEast = edges[at + 3]!;
  if (east >= boxWest && west <= boxEast) return true;
  if (east + TURN_E7 >= boxWest && west + TURN_E7 <= boxEast) return true;
  return east - TURN_E7 >= boxWest && west - TURN_E7 <= boxEast;
}

/** The finest level in use whose cells are as large as the box. */
function levelOf(box: Bounds): number {
  const sizeDeg = Math.max(box.northDeg - box.southDeg, box.eastDeg - box.westDeg) * 1.000001;
  const level = Math.ceil(Math.log2(sizeDeg * FINEST_PER_DEG));
  // Every other level is used: half as many places to look at outweighs larger cells.
  return Math.min(LEVELS - 1, Math.max(0, level + (level & 1)));
}

function rowOf(latDeg: number, scale: number): number {
  return Math.floor((latDeg + 90) * scale) | 0;
}

function wrapped(column: number, level: number): number {
  return column & ((COLUMNS >> level) - 1);
}

/** Rows take 19 bits and the poles' one more. */
function rowKeyOf(level: number, row: number): number {
  return (level << FINEST_BITS) | row;
}

function hashOf(rowKey: number, columnKey: number): number {
  const mixed = Math.imul(rowKey ^ Math.imul(columnKey, 0x9e3779b1), 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
