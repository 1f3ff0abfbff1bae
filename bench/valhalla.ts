import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import polyline from "@mapbox/polyline";
import { extractOf, type Trace, type TraceAnswer } from "./trace-sets.ts";

/**
 * Valhalla's map matcher (Meili) through its npm package, which brings the builder of its tiles. It is installed apart, see
 * `peers/valhalla/package.json`.
 */

const PEER = new URL("./peers/valhalla/package.json", import.meta.url);
const PACKAGE = "@valhallajs/valhallajs";
/** How `tuned` and `online` ask: penalty on turns, the receiver's sigma and the search radius (m); online, fixes looked at. */
const TUNED = { turn_penalty_factor: 200, gps_accuracy: 7, search_radius: 50 };
const ONLINE_FIXES = 10;
const ATTRIBUTES = [
  ...["edge.way_id", "edge.forward", "edge.begin_shape_index", "edge.end_shape_index", "edge.length"],
  ...["matched.point", "matched.type", "matched.edge_index", "shape"],
];
const UNKNOWN_EDGE = 2 ** 32;
/** Valhalla's errors where nothing near a trace can be matched. */
const NO_MATCH = /No (suitable|path|edges?)|Map Match|Insufficient|cannot be reached|Exact route/i;

type Settings = { meili: { logging: object }; mjolnir: { logging: object }; [section: string]: unknown };
type Actor = { traceAttributes(query: object): Promise<Attributes> };
type Attributes = {
  shape: string;
  edges: { way_id: number; forward: boolean; length: number; begin_shape_index: number; end_shape_index: number }[];
  matched_points: { lat: number; lon: number; type: string; edge_index?: number }[];
};

export type ValhallaMode = "default" | "tuned";

/** Whether the package is there: 280 MB that the other benchmarks do without. */
export function hasValhalla(): boolean {
  return existsSync(new URL(`./peers/valhalla/node_modules/${PACKAGE}`, import.meta.url));
}

/** Builds the tiles of an extract below `folder` and opens the matcher on them. */
export function openValhalla(folder: string, map: string): Actor {
  const peer = createRequire(PEER);
  const cli = join(peer.resolve(PACKAGE), "../bin/valhalla-cli.js");
  const tiles = join(folder, `${map.replaceAll("/", "-")}.tiles`);
  const run = (...given: string[]): string =>
    execFileSync(process.execPath, [cli, ...given], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const settings = JSON.parse(run("build_config", "--mjolnir-tile-dir", tiles)) as Settings;
  if (!existsSync(tiles)) {
    mkdirSync(tiles);
    run("build_tiles", "-i", JSON.stringify(settings), extractOf(map));
  }
  settings.mjolnir.logging = { type: "" };
  settings.meili.logging = { type: "" };
  const { Actor } = peer(PACKAGE) as { Actor: new (settings: object) => Actor };
  return new Actor(settings);
}

/** The whole trace at once; with `live` also what it says of each fix when only the last ten are known. */
export async function matchWithValhalla(
  actor: Actor,
  trace: Trace,
  mode: ValhallaMode,
  live: boolean,
): Promise<TraceAnswer> {
  const whole = await ask(actor, trace, 0, trace.fixes.length, mode);
  const answer: TraceAnswer = { id: trace.id, path: [], geom: [], final: [] };
  if (live) answer.live = await matchLive(actor, trace, mode);
  if (whole === undefined) return answer;
  const line = polyline.decode(whole.shape, 6);
  for (const edge of whole.edges) {
    answer.path?.push([edge.way_id, edge.forward ? 1 : -1, edge.length * 1000]);
    answer.geom?.push(...line.slice(edge.begin_shape_index, edge.end_shape_index + 1));
  }
  answer.final = whole.matched_points.flatMap((_, index) => pointOf(whole, index, index));
  return answer;
}

async function matchLive(actor: Actor, trace: Trace, mode: ValhallaMode): Promise<number[][]> {
  const live: number[][] = [];
  for (let i = 1; i < trace.fixes.length; i++) {
    const from = Math.max(0, i + 1 - ONLINE_FIXES);
    const recent = await ask(actor, trace, from, i + 1, mode);
    if (recent !== undefined) live.push(...pointOf(recent, i - from, i));
  }
  return live;
}

function pointOf({ matched_points, edges }: Attributes, index: number, fix: number): number[][] {
  const point = matched_points[index];
  if (point === undefined || point.type === "unmatched" || point.edge_index === undefined) return [];
  const edge = point.edge_index < UNKNOWN_EDGE ? edges[point.edge_index] : undefined;
  return edge === undefined ? [] : [[fix, point.lat, point.lon, edge.way_id, edge.forward ? 1 : -1]];
}

/** Undefined where Valhalla finds no match at all. */
async function ask(
  actor: Actor,
  { fixes }: Trace,
  from: number,
  to: number,
  mode: ValhallaMode,
): Promise<Attributes | undefined> {
  try {
    return await actor.traceAttributes({
      shape: fixes.slice(from, to).map(([timeMs, lat, lon]) => ({ lat, lon, time: Math.round(timeMs / 1000) })),
      ...{ shape_match: "map_snap", costing: "auto", use_timestamps: false },
      ...(mode === "tuned" ? { trace_options: TUNED } : {}),
      filters: { attributes: ATTRIBUTES, action: "include" },
    });
  } catch (error) {
    if (NO_MATCH.test(String(error))) return undefined;
    throw error;
  }
}
