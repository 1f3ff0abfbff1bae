/**
 * The largest set of nodes of which each reaches every other (Kosaraju's algorithm, iterative).
 *
 * `links` are directed pairs of node numbers below `nodeCount`.
 */
export function largestStronglyConnected(
  nodeCount: number,
  links: readonly (readonly [number, number])[],
): Set<number> {
  const forward: number[][] = Array.from({ length: nodeCount }, () => []);
  const backward: number[][] = Array.from({ length: nodeCount }, () => []);
  for (const [from, to] of links) {
    forward[from]!.push(to);
    backward[to]!.push(from);
  }
  const order = finishingOrder(forward);
  const seen = new Uint8Array(nodeCount);
  let largest: number[] = [];
  for (let index = order.length - 1; index >= 0; index--) {
    const component = reach(order[index]!, backward, seen);
    if (component.length > largest.length) largest = component;
  }
  return new Set(largest);
}

function finishingOrder(next: readonly number[][]): number[] {
  const seen = new Uint8Array(next.length);
  const done = new Uint32Array(next.length);
  const order: number[] = [];
  for (let start = 0; start < next.length; start++) {
    if (seen[start]) continue;
    seen[start] = 1;
    const stack = [start];
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      const child = next[node]![done[node]!++];
      if (child === undefined) order.push(stack.pop()!);
      else if (!seen[child]) {
        seen[child] = 1;
        stack.push(child);
      }
    }
  }
  return order;
}

function reach(start: number, next: readonly number[][], seen: Uint8Array): number[] {
  if (seen[start]) return [];
  seen[start] = 1;
  const found = [start];
  for (let index = 0; index < found.length; index++) {
    for (const child of next[found[index]!]!) {
      if (seen[child]) continue;
      seen[child] = 1;
      found.push(child);
    }
  }
  return found;
}
