import { exitVertex } from "./drive-times.ts";
import type { RoadNetwork } from "./network-file.ts";
import { exitsOf } from "./via-ways.ts";

type Graph = Pick<RoadNetwork, "outStart" | "outEdge" | "edgeFrom" | "edgeTo">;
/** Directed edges, two or more, that may not be driven one after the other. */
export type ForbiddenPath = readonly number[];

/**
 * Turns paths that may not be driven into turns that may not be made. Whether the last turn of a path of three edges and more is
 * forbidden depends on where the vehicle came from, so what of a path lies before its last edge leads into copies: for every
 * beginning of a path of two edges and more its last edge once more, "as entered on that path". From each edge and copy a turn
 * leads into the copy for the longest beginning that the vehicle has then driven, which makes paths exact however they overlap
 * (the automaton of Aho and Corasick 1975 over directed edges).
 *
 * Rows are sorted by `banFrom`. The reverse of a copy is what a vehicle drives that turns round there: it leads where the
 * reverse of the edge itself does.
 */
export function resolvePaths(
  graph: Graph,
  paths: readonly ForbiddenPath[],
): Pick<RoadNetwork, "banFrom" | "banTo" | "banEntered" | "copiedEdge"> {
  const forbidden = new Set(paths.map(keyOf));
  const copies = copyBeginnings(graph, paths);
  const rows: [from: number, exit: number, entered: number][] = [];
  /** Rows of an edge or copy that was driven at the end of a path, and from which turning round leads into `reverse`. */
  const addTurns = (from: number, path: readonly number[], reverse: number): void => {
    const last = path.at(-1)!;
    for (const exit of exitsOf(graph, exitVertex(graph, last))) {
      let entered = exit === (last ^ 1) ? reverse : exit;
      let isForbidden = false;
      for (let start = path.length - 1; start >= 0; start--) {
        const driven = keyOf([...path.slice(start), exit]);
        isForbidden ||= forbidden.has(driven);
        entered = copies.get(driven)?.copy ?? entered;
      }
      if (isForbidden || entered !== exit) rows.push([from, exit, isForbidden ? ~entered : entered]);
    }
  };
  for (const from of new Set(paths.map(([first]) => first!))) addTurns(from, [from], from ^ 1);
  for (const { copy, path } of copies.values()) {
    const last = path.at(-1)!;
    addTurns(copy, path, copy ^ 1);
    addTurns(copy ^ 1, [last ^ 1], last);
  }
  rows.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return {
    banFrom: Uint32Array.from(rows, (row) => row[0]),
    banTo: Uint32Array.from(rows, (row) => row[1]),
    banEntered: Int32Array.from(rows, (row) => row[2]),
    copiedEdge: Uint32Array.from(copies.values(), ({ path }) => path.at(-1)! >> 1),
  };
}

/** The beginnings of paths, of two edges and more, each with the directed copy that is their last edge. */
function copyBeginnings(
  { edgeFrom }: Graph,
  paths: readonly ForbiddenPath[],
): Map<string, { copy: number; path: readonly number[] }> {
  const copies = new Map<string, { copy: number; path: readonly number[] }>();
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
