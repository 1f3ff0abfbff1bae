import { exitVertex } from "./drive-times.ts";
import type { ForbiddenPath } from "./forbidden-paths.ts";
import type { RoadNetwork } from "./network-file.ts";
import type { OsmRelation } from "./osm-elements.ts";
import { arrivalsAt, exitsOf, findViaPaths, type ViaGraph } from "./via-ways.ts";
import { EDGE_FLAGS } from "./way-tags.ts";

export type RestrictionSkip =
  | "restrictionIncomplete"
  | "restrictionViaWaysUnclear"
  | "restrictionKindUnknown"
  | "restrictionAtTimes"
  | "restrictionNotForCars";

/** What holds at some hours only is left out: mostly it does not hold. */
const CONDITIONAL = ["restriction:conditional", "restriction:motorcar:conditional"] as const;
const EXCEPT_CARS = /\b(motorcar|motor_vehicle|vehicle)\b/;

/**
 * Reads OSM `type=restriction` relations as paths of directed edges that may not be driven: two where the via is a node, more where
 * it is one or several ways. `only_…` forbids every other exit there, turning round excepted; on via ways, of those who came over
 * all of them. `skip` is told why a relation was left out.
 */
export function readRestrictions(
  relations: readonly OsmRelation[],
  graph: ViaGraph,
  findVertex: (nodeId: number) => number | undefined,
  findWay: (wayId: number) => number | undefined,
  skip: (reason: RestrictionSkip) => void,
): { paths: ForbiddenPath[]; viaWayRestrictions: number } {
  const paths: ForbiddenPath[] = [];
  let viaWayRestrictions = 0;
  for (const relation of relations) {
    const kind = relation.tags.restriction ?? relation.tags["restriction:motorcar"];
    if (kind === undefined && CONDITIONAL.some((key) => relation.tags[key] !== undefined)) {
      skip("restrictionAtTimes");
      continue;
    }
    if (kind === undefined || EXCEPT_CARS.test(relation.tags.except ?? "")) {
      skip("restrictionNotForCars");
      continue;
    }
    if (!/^(no|only)_/.test(kind)) {
      skip("restrictionKindUnknown");
      continue;
    }
    const overWays = relation.members.some(({ role, type }) => role === "via" && type === "way");
    const found = overWays ? overViaWays(relation, graph, findWay) : atViaNode(relation, graph, findVertex, findWay);
    if (typeof found === "string") {
      skip(found);
      continue;
    }
    if (overWays) viaWayRestrictions++;
    // Where a way may not be turned round on, the via lies on the way: straight on is a part of it as well.
    const isUTurn = kind.startsWith("no_u_turn") && !overWays;
    for (const { from, via, at, to } of found)
      for (const first of from) {
        const last = via.at(-1) ?? first;
        for (const exit of exitsOf(graph, at)) {
          const isNamed = to.includes(exit) && !(isUTurn && goesOn(graph, first, exit));
          if (kind.startsWith("no_") ? isNamed : !isNamed && exit >> 1 !== last >> 1) paths.push([first, ...via, exit]);
        }
      }
  }
  return { paths, viaWayRestrictions };
}

/** Whether an exit goes on along the way of the edge before instead of back. */
function goesOn({ edgeWay }: ViaGraph, first: number, exit: number): boolean {
  return edgeWay[exit >> 1] === edgeWay[first >> 1] && exit !== (first ^ 1);
}

/** Edges that arrive, directed edges between, the junction at their end and the named exits there. */
type Restricted = { from: number[]; via: readonly number[]; at: number; to: number[] };

function atViaNode(
  { members }: OsmRelation,
  graph: ViaGraph,
  findVertex: (nodeId: number) => number | undefined,
  findWay: (wayId: number) => number | undefined,
): Restricted[] | "restrictionIncomplete" {
  const viaNode = members.find((m) => m.role === "via" && m.type === "node");
  const at = viaNode && findVertex(viaNode.ref);
  if (at === undefined) return "restrictionIncomplete";
  const [fromWays, toWays] = [waysOf(members, "from", findWay), waysOf(members, "to", findWay)];
  // The edge that arrives at the via node is the reverse of one that could leave it, also where leaving is one-way only.
  const from = arrivalsAt(graph, at).filter((d) => fromWays.has(graph.edgeWay[d >> 1]!));
  const to = exitsOf(graph, at).filter((d) => toWays.has(graph.edgeWay[d >> 1]!));
  return from.length > 0 && to.length > 0 ? [{ from, via: [], at, to }] : "restrictionIncomplete";
}

function overViaWays(
  { members }: OsmRelation,
  graph: ViaGraph,
  findWay: (wayId: number) => number | undefined,
): Restricted[] | "restrictionIncomplete" | "restrictionViaWaysUnclear" {
  const [from, via, to] = (["from", "via", "to"] as const).map((role) => waysOf(members, role, findWay)) as [
    Set<number>,
    Set<number>,
    Set<number>,
  ];
  if (from.size === 0 || to.size === 0 || via.has(UNKNOWN_WAY)) return "restrictionIncomplete";
  const paths = findViaPaths(graph, { from, via, to }) ?? [];
  if (paths.length === 0) return "restrictionViaWaysUnclear";
  return paths.map((path) => ({ ...path, at: exitVertex(graph, path.via.at(-1)!) }));
}

/** Stands for every way that the network does not have. */
const UNKNOWN_WAY = -1;

function waysOf(members: OsmRelation["members"], role: string, findWay: (wayId: number) => number | undefined) {
  const named = members.filter((m) => m.role === role && m.type === "way");
  return new Set(named.map(({ ref }) => findWay(ref) ?? UNKNOWN_WAY));
}

/** Marks the edges that turns are restricted from. */
export function markRestricted(edgeFlags: Uint8Array, banFrom: Uint32Array): void {
  for (const from of banFrom)
    edgeFlags[from >> 1]! |= from & 1 ? EDGE_FLAGS.restrictedBackward : EDGE_FLAGS.restrictedForward;
}

type TurnColumns = Pick<RoadNetwork, "edgeFlags" | "banFrom" | "banTo" | "banEntered">;

/**
 * The directed edge that a vehicle enters that turns from one into an exit of the junction: the exit itself or a copy of it (see
 * `forbidden-paths.ts`), or the complement (`~`) of that where the turn is forbidden.
 */
export function turnInto(roads: TurnColumns, from: number, exit: number): number {
  const flag = from & 1 ? EDGE_FLAGS.restrictedBackward : EDGE_FLAGS.restrictedForward;
  return (roads.edgeFlags[from >> 1]! & flag) === 0 ? exit : restrictedTurnInto(roads, from, exit);
}

/** Apart from the usual case, which is short enough to become part of each search. */
function restrictedTurnInto({ banFrom, banTo, banEntered }: TurnColumns, from: number, exit: number): number {
  let low = 0;
  let high = banFrom.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (banFrom[middle]! < from) low = middle + 1;
    else high = middle;
  }
  for (; low < banFrom.length && banFrom[low] === from; low++) if (banTo[low] === exit) return banEntered[low]!;
  return exit;
}

/** Whether turning from one directed edge into another is forbidden. */
export function isBanned(roads: TurnColumns, from: number, to: number): boolean {
  return turnInto(roads, from, to) < 0;
}
