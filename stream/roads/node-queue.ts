/** A binary heap of nodes by key; a node may be in it more than once. */
export class NodeQueue {
  readonly #nodes: number[] = [];
  readonly #keys: number[] = [];

  get size(): number {
    return this.#nodes.length;
  }

  get minimum(): number {
    return this.#keys[0]!;
  }

  clear(): void {
    this.#nodes.length = 0;
    this.#keys.length = 0;
  }

  push(node: number, key: number): void {
    let at = this.#nodes.length;
    this.#nodes.push(node);
    this.#keys.push(key);
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (this.#keys[up]! <= key) break;
      this.#nodes[at] = this.#nodes[up]!;
      this.#keys[at] = this.#keys[up]!;
      at = up;
    }
    this.#nodes[at] = node;
    this.#keys[at] = key;
  }

  pop(): number {
    const top = this.#nodes[0]!;
    const node = this.#nodes.pop()!;
    const key = this.#keys.pop()!;
    const size = this.#nodes.length;
    if (size === 0) return top;
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      if (down >= size) break;
      if (down + 1 < size && this.#keys[down + 1]! < this.#keys[down]!) down++;
      if (this.#keys[down]! >= key) break;
      this.#nodes[at] = this.#nodes[down]!;
      this.#keys[at] = this.#keys[down]!;
      at = down;
    }
    this.#nodes[at] = node;
    this.#keys[at] = key;
    return top;
  }
}
