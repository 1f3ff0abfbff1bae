import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import type { MatchFix } from "#stream/match/match-fix.ts";
import { MatchState, serialiseMatchState } from "#stream/match/match-state.ts";
import { Viterbi } from "#stream/match/viterbi.ts";
import type { RoadNetwork } from "#stream/roads/network-file.ts";
import { openRoads } from "#stream/roads/open.ts";
import { cpuSecondsSince, median, printGoal, printTable } from "./measure.ts";
import { makeFolder, readTraces, roadsOf } from "./trace-sets.ts";

/**
 * The live matcher alone: fixes per CPU second of one core once the program is warm, the slowest fixes, and a device's state,
 * on the simulated drives in Porto. `digest` is of every answer: what only makes it faster leaves it as it was.
 * `npm run bench -- match-speed`; options of the file itself: `--sets a,b --rounds 5 --roads built.roads`.
 */

const SETS: Readonly<Record<string, { perCpuS: number; p99Us: number }>> = {
  "porto-r10-1s": { perCpuS: 250_000, p99Us: 50 },
  "porto-r5-5s": { perCpuS: 200_000, p99Us: 50 },
  "porto-a5-10s": { perCpuS: 120_000, p99Us: 500 },
  "porto-w5-30s": { perCpuS: 50_000, p99Us: 500 },
};
const MAP = "porto_portugal.osm.pbf";
const WARM_UP_FIXES = 150_000;
const ROUND_FIXES = 100_000;

const { values: given } = parseArgs({
  options: {
    sets: { type: "string", default: Object.keys(SETS).join(",") },
    rounds: { type: "string", default: "5" },
    roads: { type: "string" },
  },
});

type Speed = { set: string; fixes: number; perCpuS: number; p99Us: number; stateBytesMax: number; digest: string };

function measureSet(roads: RoadNetwork, set: string, traces: readonly MatchFix[][]): Speed {
  const viterbi = new Viterbi(roads);
  const fixes = traces.reduce((sum, trace) => sum + trace.length, 0);
  const all = (): void => {
    for (const trace of traces) runTrace(viterbi, trace);
  };
  const { digest, stateBytesMax } = digestOf(viterbi, roads, traces);
  for (let done = 0; done < WARM_UP_FIXES; done += fixes) all();
  const repeats = Math.ceil(ROUND_FIXES / fixes);
  const rates: number[] = [];
  const p99s: number[] = [];
  for (let round = 0; round < Number(given.rounds); round++) {
    const begin = process.cpuUsage();
    for (let repeat = 0; repeat < repeats; repeat++) all();
    rates.push((fixes * repeats) / cpuSecondsSince(begin));
    p99s.push(p99Us(viterbi, traces));
  }
  return { set, fixes, perCpuS: median(rates), p99Us: median(p99s), stateBytesMax, digest };
}

/** Cleared and used again for every device, as the stream does it. */
const STATE = new MatchState();

function runTrace(viterbi: Viterbi, trace: readonly MatchFix[]): void {
  const state = STATE;
  state.clear();
  for (const fix of trace) viterbi.step(state, fix, ignore);
}

function ignore(): void {}

function p99Us(viterbi: Viterbi, traces: readonly MatchFix[][]): number {
  const steps: number[] = [];
  for (const trace of traces) {
    const state = STATE;
    state.clear();
    for (const fix of trace) {
      const beginMs = performance.now();
      viterbi.step(state, fix, ignore);
      steps.push((performance.now() - beginMs) * 1000);
    }
  }
  return steps.toSorted((a, b) => a - b)[Math.floor(steps.length * 0.99)]!;
}

/** What the matcher says, all of it, as one number; and the largest state of a device between two fixes. */
function digestOf(
  viterbi: Viterbi,
  { fingerprint }: RoadNetwork,
  traces: readonly MatchFix[][],
): { digest: string; stateBytesMax: number } {
  const hash = createHash("sha256");
  let stateBytesMax = 0;
  for (const trace of traces) {
    const state = new MatchState();
    const decided = (step: object): void => void hash.update(JSON.stringify(step));
    trace.forEach((fix, i) => {
      hash.update(JSON.stringify(viterbi.step(state, fix, decided)));
      if (i % 10 !== 9) return;
      const bytes = serialiseMatchState(state, fingerprint, decided);
      hash.update(bytes);
      stateBytesMax = Math.max(stateBytesMax, bytes.length);
    });
    viterbi.finish(state, decided);
  }
  return { digest: hash.digest("hex").slice(0, 12), stateBytesMax };
}

function fixesOf(set: string): MatchFix[][] | undefined {
  return readTraces(set, { every: 1, from: 0 })?.map(({ fixes }) =>
    fixes.map(([timeMs, lat, lon, speedMps, headingDeg]) => ({
      ...{ timeMs, lat, lon, accuracyM: Number.NaN },
      speedMps: speedMps ?? Number.NaN,
      headingDeg: headingDeg ?? Number.NaN,
    })),
  );
}

const folder = makeFolder();
try {
  const roads = given.roads === undefined ? await roadsOf(folder, MAP) : openRoads(given.roads);
  const speeds: Speed[] = [];
  for (const set of given.sets.split(",")) {
    const traces = fixesOf(set);
    if (traces === undefined) console.log(`skipped: the traces of ${set} are not there`);
    else speeds.push(measureSet(roads, set, traces));
  }
  printTable(
    `Live matching on one core, warm (median of ${given.rounds} rounds)`,
    speeds.map(({ perCpuS, p99Us, stateBytesMax, ...rest }) => ({
      ...rest,
      "fixes/CPU s": perCpuS,
      "p99 µs": p99Us,
      "largest state, bytes": stateBytesMax,
    })),
  );
  for (const { set, perCpuS, p99Us } of speeds) {
    const goal = SETS[set];
    if (goal === undefined) continue;
    printGoal(`${set}: at least ${goal.perCpuS} fixes a CPU second`, perCpuS, perCpuS >= goal.perCpuS);
    printGoal(`${set}: p99 at most ${goal.p99Us} µs`, p99Us, p99Us <= goal.p99Us);
  }
} finally {
  rmSync(folder, { recursive: true });
}
