import { checkRoadLimit } from "./limits.ts";
import { withRoom } from "./room.ts";

export const NO_ARC = -1;

/**
 * Arcs with their times; a shortcut names the two arcs that it stands for, an original arc its directed edge (`~d`). Those
 * that leave and those that reach a node are lists through the arcs themselves, ended by `NO_ARC`: 32 bytes an arc, where
 * an array for each node costs 300 a node.
 */
export class ArcPool {
  count = 0;
  tail: Uint32Array;
  head: Uint32Array;
  timeS: Float64Array;
  first: Int32Array;
  second: Int32Array;
  /** The first arc that leaves a node, and the one after an arc; likewise of those that reach a node. */
  readonly out: Int32Array;
  nextOut: Int32Array;
  readonly into: Int32Array;
  nextInto: Int32Array;

  constructor(nodes: number, arcs: number) {
    this.out = new Int32Array(nodes).fill(NO_ARC);
    this.into = new Int32Array(nodes).fill(NO_ARC);
    this.tail = new Uint32Array(arcs);
    this.head = new Uint32Array(arcs);
    this.timeS = new Float64Array(arcs);
    this.first = new Int32Array(arcs);
    this.second = new Int32Array(arcs);
    this.nextOut = new Int32Array(arcs);
    this.nextInto = new Int32Array(arcs);
  }

  /** Adds an arc, or makes the present one between the two nodes quicker. */
  offer(tail: number, head: number, timeS: number, first: number, second: number): void {
    if (tail === head) return;
    let arc = this.out[tail]!;
    while (arc !== NO_ARC && this.head[arc] !== head) arc = this.nextOut[arc]!;
    if (arc !== NO_ARC && this.timeS[arc]! <= timeS) return;
    if (arc === NO_ARC || first >= 0) {
      // A shortcut may not overwrite an arc that another shortcut is made of.
      if (arc !== NO_ARC) {
        this.dropOut(arc);
        this.dropInto(arc);
      }
      arc = this.#append(tail, head);
    }
    this.timeS[arc] = timeS;
    this.first[arc] = first;
    this.second[arc] = second;
  }

  /** Takes an arc out of the list of its tail. */
  dropOut(arc: number): void {
    unlink(this.out, this.nextOut, this.tail[arc]!, arc);
  }

  /** Takes an arc out of the list of its head. */
  dropInto(arc: number): void {
    unlink(this.into, this.nextInto, this.head[arc]!, arc);
  }

  #append(tail: number, head: number): number {
    const arc = this.count++;
    if (this.count > this.tail.length) this.#grow();
    this.tail[arc] = tail;
    this.head[arc] = head;
    this.nextOut[arc] = this.out[tail]!;
    this.out[tail] = arc;
    this.nextInto[arc] = this.into[head]!;
    this.into[head] = arc;
    return arc;
  }

  #grow(): void {
    checkRoadLimit("hierarchyArcs", this.count);
    this.tail = withRoom(this.tail, this.count);
    this.head = withRoom(this.head, this.count);
    this.timeS = withRoom(this.timeS, this.count);
    this.first = withRoom(this.first, this.count);
    this.second = withRoom(this.second, this.count);
    this.nextOut = withRoom(this.nextOut, this.count);
    this.nextInto = withRoom(this.nextInto, this.count);
  }
}

function unlink(starts: Int32Array, next: Int32Array, node: number, arc: number): void {
  let at = starts[node]!;
  if (at === arc) {
    starts[node] = next[arc]!;
    return;
  }
  while (next[at] !== arc) at = next[at]!;
  next[at] = next[arc]!;
}
