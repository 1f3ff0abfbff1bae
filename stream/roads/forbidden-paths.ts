import { exitVertex } from "./drive-times.ts";
import type { RoadNetwork } from "./network-file.ts";
import { exitsOf } from "./via-ways.ts";

type Graph = Pick<RoadNetwork, "outStart" | "outEdge" | "edgeFrom" | "edgeTo">;
/** Directed edges, two or more, that may not be driven one after the other. */
export type ForbiddenPath = readonly number[];

type Copy = { copy: number; path: readonly number[] };

/**
 * Turns paths that may not be driven into turns that may not be made. Whether the last turn of a path of three edges and more is
 * forbidden depends on where the vehicle came from, so what of a path lies before its last edge leads into copies: for every
 * beginning of a path of two edges and more its last edge once more, "as entered on that path". From each edge and copy a turn
 * leads into the copy for the longest beginning that the vehicle has then driven, which makes paths exact however they overlap
 * (the automaton of Aho and Corasick 1975 over directed edges).
 *
 * Turning round takes nothing back: whoever turns on a copy drives its reverse, along the path and out of it as on the edges
 * themselves, and is on the copy again after turning once more. Rows are sorted by `banFrom`.
 */
export function resolvePaths(
  graph: Graph,
  paths: readonly ForbiddenPath[],
): Pick<RoadNetwork, "banFrom" | "banTo" | "banEntered" | "copiedEdge"> {
  const forbidden = new Set(paths.map(keyOf));
  const copies = copyBeginnings(graph, paths);
  const rows: [from: number, exit: number, entered: number][] = [];
  /** Rows of an edge or copy that was driven at the end of a path; `others` are the copies that it leads into beside those. */
  const addTurns = (from: number, path: readonly number[], others: ReadonlyMap<number, number>): void => {
    for (const exit of exitsOf(graph, exitVertex(graph, path.at(-1)!))) {
      const driven = path.map((_, start) => keyOf([...path.slice(start), exit]));
      const longest = driven.find((key) => copies.has(key));
      const entered = longest === undefined ? (others.get(exit) ?? exit) : copies.get(longest)!.copy;
      if (driven.some((key) => forbidden.has(key))) rows.push([from, exit, ~entered]);
      else if (entered !== exit) rows.push([from, exit, entered]);
    }
  };
  for (const from of new Set(paths.map(([first]) => first!))) addTurns(from, [from], NONE);
  for (const { copy, path } of copies.values()) {
    const last = path.at(-1)!;
    const before = copies.get(keyOf(path.slice(0, -1)));
    addTurns(copy, path, new Map([[last ^ 1, copy ^ 1]]));
    addTurns(
      copy ^ 1,
      [last ^ 1],
      new Map([[last, copy], ...(before ? [[path.at(-2)! ^ 1, before.copy ^ 1] as const] : [])]),
    );
  }
  rows.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return {
    banFrom: Uint32Array.from(rows, (row) => row[0]),
    banTo: Uint32Array.from(rows, (row) => row[1]),
    banEntered: Int32Array.from(rows, (row) => row[2]),
    copiedEdge: Uint32Array.from(copies.values(), ({ path }) => path.at(-1)! >> 1),
  };
}

const NONE: ReadonlyMap<number, number> = new Map();

/** The beginnings of paths, of two edges and more, each with the directed copy that is their last edge. */
function copyBeginnings({ edgeFrom }: Graph, paths: readonly ForbiddenPath[]): Map<string, Copy> {
  const copies = new Map<string, Copy>();
  for (const whole of paths)
    for (let length = 2; length < whole.length; length++) {
      const path = whole.slice(0, length);
      const copy = (edgeFrom.length + copies.size) * 2 + (path.at(-1)! & 1);
      if (!copies.has(keyOf(path))) copies.set(keyOf(path), { copy, path });
    }
  return copies;
}

function keyOf(path: readonly number[]): string {
  return path.join(" ");
}
