/**
 * Scores the matcher on the recorded and simulated traces with ground truth that lie beside the repository, in both modes,
 * and prints the table beside the aims: `npm run score -- [--sets a,b] [--every 5] [--from 0]`. The metrics are those of the
 * traces' own evaluator, which is run as it is. `--every 5` takes every fifth trace of a set.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { FinalMatcher } from "#stream/match/final.ts";
import { appendGeometry, drivenWays, pointAt } from "#stream/match/legs.ts";
import type { MatchFix } from "#stream/match/match-fix.ts";
import { MatchState } from "#stream/match/match-state.ts";
import { Viterbi } from "#stream/match/viterbi.ts";
import { buildRoads } from "#stream/roads/build.ts";
import type { RoadNetwork } from "#stream/roads/network-file.ts";
import { openRoads } from "#stream/roads/open.ts";

const TRACES = join(import.meta.dirname, "../../shared/roads");
/** Route mismatch aimed at (%, final), and share of fixes on the right way (%, online); `byWay` scores directed ways. */
const SETS: Record<string, { final?: number; online?: number; off?: number; byWay?: boolean }> = {
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
const MAPS: Record<string, string> = { "porto_portugal.osm.pbf": "porto.osm.pbf" };

type TraceFix = [
  timeMs: number,
  lat: number,
  lon: number,
  speedMps: number | null,
  headingDeg: number | null,
  ...rest: number[],
];
interface Trace {
  id: string;
  map: string;
  fixes: TraceFix[];
}
interface Side {
  wayPct: number;
  wayTolPct: number;
  posMean: number;
  offLeftUnmatchedPct?: number;
}
interface Evaluation {
  traces: number;
  rmf_way: number;
  rmf_geo: number;
  live: Side;
  final: Side;
}
interface Cost {
  fixes: number;
  onlineCpuUs: number;
  finalCpuUs: number;
  stepUs: number[];
}

const { values: options } = parseArgs({
  options: {
    sets: { type: "string" },
    every: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
  },
});
if (!existsSync(TRACES)) {
  console.log(`skipped: no traces at ${TRACES}`);
} else {
  const folder = mkdtempSync(join(tmpdir(), "score-"));
  try {
    await scoreAll(folder, options.sets?.split(",") ?? Object.keys(SETS), Number(options.every), Number(options.from));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function scoreAll(folder: string, sets: readonly string[], every: number, from: number): Promise<void> {
  console.log(
    "set                    traces  rmf %  (aim)   right way ±10 m %  (aim)   off %   pos m live/final   fixes/CPU s online/final   p99 µs",
  );
  for (const set of sets) {
    const file = join(TRACES, `${set}.jsonl.gz`);
    if (!existsSync(file)) {
      console.log(`${set.padEnd(22)} skipped: not there`);
      continue;
    }
    const traces = readTraces(file).filter((_, i, all) => all.length === 1 || i % every === from);
    console.log(formatRow(set, ...(await scoreSet(folder, traces))));
  }
}

function readTraces(file: string): Trace[] {
  const lines = gunzipSync(readFileSync(file)).toString("utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Trace).filter((trace) => !INCOMPLETE.test(trace.id));
}

async function scoreSet(folder: string, traces: readonly Trace[]): Promise<[Evaluation, Cost]> {
  const cost: Cost = { fixes: 0, onlineCpuUs: 0, finalCpuUs: 0, stepUs: [] };
  const answers: string[] = [];
  let open: { map: string; matchers: Matchers } | undefined;
  for (const trace of traces) {
    if (open?.map !== trace.map) open = { map: trace.map, matchers: makeMatchers(await roadsOf(folder, trace.map)) };
    answers.push(JSON.stringify(matchTrace(open.matchers, trace, cost)));
  }
  const [truthFile, answerFile] = [join(folder, "truth.jsonl"), join(folder, "answer.jsonl")];
  writeFileSync(truthFile, traces.map((trace) => JSON.stringify(trace)).join("\n"));
  writeFileSync(answerFile, answers.join("\n"));
  const evaluator = join(TRACES, "tools/evaluate.mjs");
  const output = execFileSync(process.execPath, [evaluator, truthFile, answerFile, "--json"], { encoding: "utf8" });
  return [JSON.parse(output) as Evaluation, cost];
}

async function roadsOf(folder: string, map: string): Promise<RoadNetwork> {
  const file = join(folder, `${map.replaceAll("/", "-")}.roads`);
  if (!existsSync(file)) await buildRoads(join(TRACES, MAPS[map] ?? map), file);
  return openRoads(file);
}

interface Matchers {
  roads: RoadNetwork;
  viterbi: Viterbi;
  final: FinalMatcher;
}

function makeMatchers(roads: RoadNetwork): Matchers {
  return { roads, viterbi: new Viterbi(roads), final: new FinalMatcher(roads) };
}

function matchTrace({ roads, viterbi, final }: Matchers, trace: Trace, cost: Cost): object {
  const fixes = trace.fixes.map(
    ([timeMs, lat, lon, speedMps, headingDeg]): MatchFix => ({
      timeMs,
      lat,
      lon,
      speedMps: speedMps ?? Number.NaN,
      headingDeg: headingDeg ?? Number.NaN,
      accuracyM: Number.NaN,
    }),
  );
  const wayOf = (directed: number): [number, number] => [
    roads.wayId[roads.edgeWay[directed >> 1]!]!,
    directed & 1 ? -1 : 1,
  ];
  const state = new MatchState();
  const live: number[][] = [];
  const onlineStart = process.cpuUsage();
  fixes.forEach((fix, i) => {
    const startedMs = performance.now();
    const answer = viterbi.step(state, fix, () => {});
    cost.stepUs.push((performance.now() - startedMs) * 1000);
    if (answer.directed >= 0) live.push([i, answer.latE7 / 1e7, answer.lonE7 / 1e7, ...wayOf(answer.directed)]);
  });
  cost.onlineCpuUs += cpuUsSince(onlineStart);
  const finalStart = process.cpuUsage();
  const { placed, stretches } = final.match(fixes);
  cost.finalCpuUs += cpuUsSince(finalStart);
  cost.fixes += fixes.length;
  const geom: [number, number][] = [];
  for (const { legs } of stretches) appendGeometry(roads, legs, geom);
  return {
    id: trace.id,
    live,
    final: placed.flatMap((at, i) =>
      at === undefined ? [] : [[i, ...pointAt(roads, at.directed, at.offsetM), ...wayOf(at.directed)]],
    ),
    path: drivenWays(roads, stretches).map((way) => [way.wayId, way.forward ? 1 : -1, way.lengthM]),
    geom,
  };
}

function cpuUsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

function formatRow(set: string, result: Evaluation, cost: Cost): string {
  const aim = SETS[set] ?? {};
  const mismatch = 100 * (aim.byWay ? result.rmf_way : result.rmf_geo);
  const steps = Float64Array.from(cost.stepUs).sort();
  const p99Us = steps[Math.floor(steps.length * 0.99)] ?? 0;
  const perSecond = (cpuUs: number): string => `${Math.round((cost.fixes / cpuUs) * 1000)} k`;
  const off = result.live.offLeftUnmatchedPct;
  return [
    set.padEnd(22),
    String(result.traces).padStart(6),
    `${mismatch.toFixed(2).padStart(6)}  (${aim.final ?? "–"})`.padEnd(15),
    `${result.live.wayTolPct.toFixed(2).padStart(12)}  (${aim.online ?? "–"})`.padEnd(26),
    (off === undefined ? "" : `${off.toFixed(0)} / ${result.final.offLeftUnmatchedPct?.toFixed(0)}`).padEnd(8),
    `${result.live.posMean.toFixed(2)} / ${result.final.posMean.toFixed(2)}`.padStart(12),
    `${perSecond(cost.onlineCpuUs)} / ${perSecond(cost.finalCpuUs)}`.padStart(22),
    p99Us.toFixed(0).padStart(14),
  ].join(" ");
}
