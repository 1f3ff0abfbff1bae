/**
 * The paths of all hypotheses of one device as a tree: a node per edge entered, each with its parent. Hypotheses share
 * their past, so when all lead back to one node, the path up to there is decided. The arena is small and grows only when
 * a single step, such as the far side of a long gap, needs more.
 */
export const NODE_CAPACITY = 90;
export const NODE_BYTES = 18;
const NODE_CAPACITY_MAX = 1 << 14;
/** `edge` of a node that ends a stretch of road: the vehicle left the network, or the match broke. */
export const GAP = -1;
const ROOT = -1;

/** Used again by every `settle`: which nodes stay, how many children each has, and its new number. */
const KEEP = new Uint8Array(NODE_CAPACITY_MAX);
const CHILDREN = new Int16Array(NODE_CAPACITY_MAX);
const RENUMBERED = new Int16Array(NODE_CAPACITY_MAX);
const PARTING = -1;

export interface PathStep {
  /** Directed edge, or `GAP`. */
  edge: number;
  /** Offset at which the edge was entered, metres. */
  enterM: number;
  /** Offset at which the edge before was left, metres; NaN: at its end. */
  leaveM: number;
  /** Number of the fix at which it was entered. */
  fix: number;
}

export class PathTree {
  edge = new Int32Array(NODE_CAPACITY);
  parent = new Int16Array(NODE_CAPACITY);
  enterM = new Float32Array(NODE_CAPACITY);
  leaveM = new Float32Array(NODE_CAPACITY);
  fix = new Uint32Array(NODE_CAPACITY);
  used = 0;

  get capacity(): number {
    return this.edge.length;
  }

  /** Makes place for more nodes in all. Returns whether it could. */
  grow(nodes: number): boolean {
    if (nodes > NODE_CAPACITY_MAX) return false;
    if (nodes <= this.capacity) return true;
    const size = Math.min(NODE_CAPACITY_MAX, Math.max(nodes, this.capacity * 2));
    this.edge = resized(this.edge, new Int32Array(size));
    this.parent = resized(this.parent, new Int16Array(size));
    this.enterM = resized(this.enterM, new Float32Array(size));
    this.leaveM = resized(this.leaveM, new Float32Array(size));
    this.fix = resized(this.fix, new Uint32Array(size));
    return true;
  }

  add(parent: number, edge: number, enterM: number, leaveM: number, fix: number): number {
    const node = this.used++;
    this.edge[node] = edge;
    this.parent[node] = parent;
    this.enterM[node] = enterM;
    this.leaveM[node] = leaveM;
    this.fix[node] = fix;
    return node;
  }

  /**
   * Forgets nodes that no tip leads back to and hands over, oldest first, the path that all tips share but for its last
   * node, which stays as the root. `tips` are renumbered in place.
   */
  settle(tips: Int32Array, count: number, decided: (step: PathStep) => void): void {
    const keep = this.#mark(tips, count);
    const shared = this.#sharedPrefix(keep, tips, count);
    const root = shared.pop() ?? ROOT;
    for (const node of shared) {
      decided(this.stepAt(node));
      keep[node] = 0;
    }
    this.#compact(keep, tips, count, root);
  }

  /** Writes the nodes to `view` from `at`; returns the offset after them. */
  write(view: DataView, at: number): number {
    let offset = at;
    for (let n = 0; n < this.used; n++, offset += NODE_BYTES) {
      view.setInt32(offset, this.edge[n]!, true);
      view.setInt16(offset + 4, this.parent[n]!, true);
      view.setFloat32(offset + 6, this.enterM[n]!, true);
      view.setFloat32(offset + 10, this.leaveM[n]!, true);
      view.setUint32(offset + 14, this.fix[n]!, true);
    }
    return offset;
  }

  /** Reads `count` nodes back. False where they name edges (of which there are `directed`) or parents that do not exist. */
  read(view: DataView, at: number, count: number, directed: number): boolean {
    this.used = 0;
    if (!this.grow(count)) return false;
    for (let n = 0; n < count; n++) {
      const offset = at + n * NODE_BYTES;
      const edge = view.getInt32(offset, true);
      const parent = view.getInt16(offset + 4, true);
      // A parent comes before its children, so no path leads round in a circle.
      if (edge < GAP || edge >= directed || parent < ROOT || parent >= n) return false;
      const enterM = view.getFloat32(offset + 6, true);
      this.add(parent, edge, enterM, view.getFloat32(offset + 10, true), view.getUint32(offset + 14, true));
    }
    return true;
  }

  stepAt(node: number): PathStep {
    return { edge: this.edge[node]!, enterM: this.enterM[node]!, leaveM: this.leaveM[node]!, fix: this.fix[node]! };
  }

  /** Nodes from the oldest kept one to `tip`. */
  lineage(tip: number): number[] {
    const nodes: number[] = [];
    for (let node = tip; node >= 0; node = this.parent[node]!) nodes.push(node);
    return nodes.reverse();
  }

  #mark(tips: Int32Array, count: number): Uint8Array {
    const keep = KEEP;
    keep.fill(0, 0, this.used);
    for (let i = 0; i < count; i++) for (let n = tips[i]!; n >= 0 && keep[n] === 0; n = this.parent[n]!) keep[n] = 1;
    return keep;
  }

  /** The chain from the root to the node where the tips part. */
  #sharedPrefix(keep: Uint8Array, tips: Int32Array, count: number): number[] {
    for (let i = 0; i < count; i++) if (tips[i]! < 0) return [];
    if (count === 0) return [];
    const children = CHILDREN;
    children.fill(0, 0, this.used);
    let root = -1;
    for (let n = 0; n < this.used; n++) {
      if (keep[n] === 0) continue;
      if (this.parent[n]! < 0) root = root === -1 ? n : -2;
      else children[this.parent[n]!]!++;
    }
    if (root < 0) return [];
    // A tip counts as a parting: the path may go on from it.
    for (let i = 0; i < count; i++) children[tips[i]!] = PARTING;
    const shared: number[] = [];
    const chain = this.lineage(tips[0]!);
    for (const node of chain) {
      shared.push(node);
      if (children[node] !== 1) break;
    }
    return shared;
  }

  #compact(keep: Uint8Array, tips: Int32Array, count: number, root: number): void {
    const renumbered = RENUMBERED;
    let next = 0;
    for (let n = 0; n < this.used; n++) {
      if (keep[n] === 0) continue;
      const parent = this.parent[n]!;
      renumbered[n] = next;
      this.edge[next] = this.edge[n]!;
      this.parent[next] = n === root || parent < 0 ? ROOT : renumbered[parent]!;
      this.enterM[next] = this.enterM[n]!;
      this.leaveM[next] = this.leaveM[n]!;
      this.fix[next] = this.fix[n]!;
      next++;
    }
    this.used = next;
    for (let i = 0; i < count; i++) if (tips[i]! >= 0) tips[i] = renumbered[tips[i]!]!;
  }
}

function resized<T extends Int32Array | Int16Array | Float32Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
