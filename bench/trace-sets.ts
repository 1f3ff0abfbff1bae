import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { buildRoads } from "#stream/roads/build.ts";
import type { RoadNetwork } from "#stream/roads/network-file.ts";
import { openRoads } from "#stream/roads/open.ts";

/** The recorded and simulated traces with ground truth that may lie beside the repository, and what is aimed at on each. */

export const TRACES = join(import.meta.dirname, "../../shared/roads");

/** Route mismatch aimed at (%, final), and share of fixes on the right way (%, online); `byWay` scores directed ways. */
export type Aim = { final?: number; online?: number; off?: number; byWay?: boolean };
export const SETS: Readonly<Record<string, Aim>> = {
  "porto-r5-5s": { final: 0.08, online: 98 },
  "porto-r10-1s": { final: 0.6, online: 96 },
  "porto-a5-10s": { final: 0.2, online: 98 },
  "porto-w5-5s": { final: 0.08, online: 98 },
  "porto-w5-30s": { final: 1, online: 95 },
  "porto-w10-1s": { final: 1.5, online: 96 },
  "porto-hard-gap-5s": { final: 2 },
  "porto-hard-outlier-5s": { final: 1 },
  "porto-hard-depot-5s": { final: 1.5, off: 90 },
  "nk-1s": { final: 0.15, byWay: true },
  "nk-10s": { final: 0.3, byWay: true },
  "nk-30s": { final: 0.5, byWay: true },
  "kubicka-10s": { final: 1.2, byWay: true },
  "kubicka-30s": { byWay: true },
};
/** Tracks of the world-wide benchmark whose truth is incomplete. */
const INCOMPLETE = /kubicka-000000(02|54|66|84|96)-/;
const MAPS: Readonly<Record<string, string>> = { "porto_portugal.osm.pbf": "porto.osm.pbf" };

export type TraceFix = [
  timeMs: number,
  lat: number,
  lon: number,
  speedMps: number | null,
  headingDeg: number | null,
  ...rest: number[],
];
export type Trace = {
  id: string;
  map: string;
  fixes: TraceFix[];
  /** The truth: ways with direction ±1, and their line where the set has it. */
  route: [wayId: number, direction: number, metres: number][];
  geom?: [lat: number, lon: number][] | undefined;
};

/** What a matcher says of a trace, as the traces' evaluator reads it: ways with direction ±1. */
export type TraceAnswer = {
  id: string;
  live?: number[][];
  final?: number[][];
  path?: [wayId: number, direction: number, metres: number][];
  geom?: [lat: number, lon: number][];
};

/** Which traces of a set: every `every`-th, beginning with number `from`. */
export type Share = { every: number; from: number };

/** The traces of a set, or undefined where they are not there. */
export function readTraces(set: string, { every, from }: Share): Trace[] | undefined {
  const file = join(TRACES, `${set}.jsonl.gz`);
  if (!existsSync(file)) return undefined;
  const lines = gunzipSync(readFileSync(file)).toString("utf8").trim().split("\n");
  const traces = lines.map((line) => JSON.parse(line) as Trace).filter((trace) => !INCOMPLETE.test(trace.id));
  return traces.filter((_, i, all) => all.length === 1 || i % every === from);
}

/** The OpenStreetMap extract of a trace. */
export function extractOf(map: string): string {
  return join(TRACES, MAPS[map] ?? map);
}

export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), "score-"));
}

/** Our road network of an extract, built once a run. */
export async function roadsOf(folder: string, map: string): Promise<RoadNetwork> {
  const file = join(folder, `${map.replaceAll("/", "-")}.roads`);
  if (!existsSync(file)) await buildRoads(extractOf(map), file);
  return openRoads(file);
}
