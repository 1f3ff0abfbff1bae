import { existsSync, rmSync } from "node:fs";
import { FinalMatcher } from "#stream/match/final.ts";
import { appendGeometry, drivenWays, pointAt } from "#stream/match/legs.ts";
import type { MatchFix } from "#stream/match/match-fix.ts";
import { MatchState } from "#stream/match/match-state.ts";
import { Viterbi } from "#stream/match/viterbi.ts";
import type { RoadNetwork } from "#stream/roads/network-file.ts";
import { betweenFixes } from "./between-fixes.ts";
import { type Evaluation, evaluate } from "./trace-evaluator.ts";
import {
  makeFolder,
  readTraces,
  roadsOf,
  SETS,
  type Share,
  TRACES,
  type Trace,
  type TraceAnswer,
} from "./trace-sets.ts";
import { hasValhalla, matchWithValhalla, openValhalla, type ValhallaMode } from "./valhalla.ts";

export type TraceOptions = {
  sets: readonly string[];
  share: Share;
  /** Valhalla on the same traces: its own settings and tuned. */
  valhalla: boolean;
  /** Of so many traces one is also matched by Valhalla with ten fixes at a time; 0: none. */
  valhallaLiveEvery: number;
};

/** One matcher on one set. Percent, metres, fixes per CPU second, microseconds. */
export type TraceScore = {
  set: string;
  matcher: string;
  traces: number;
  fixes: number;
  evaluation: Evaluation;
  /** Route mismatch where the truth ends at the first and the last fix. */
  between: Pick<Evaluation, "rmf_way" | "rmf_geo">;
  onlinePerCpuS: number | null;
  finalPerCpuS: number | null;
  onlineP99Us: number | null;
};

type Cost = { fixes: number; onlineCpuUs: number; finalCpuUs: number; stepUs: number[] };

/** Why traces cannot be scored here, or undefined where they can. */
export function reasonToSkipTraces(): string | undefined {
  return existsSync(TRACES) ? undefined : `no traces with ground truth at ${TRACES}`;
}

/** Matches the traces set by set, in both modes, and has their evaluator judge it; `onScore` is told as it goes. */
export async function scoreTraces(options: TraceOptions, onScore: (score: TraceScore) => void): Promise<void> {
  const folder = makeFolder();
  try {
    for (const set of options.sets) {
      const traces = readTraces(set, options.share);
      if (traces === undefined || traces.length === 0) continue;
      onScore(await scoreOurs(folder, set, traces));
      if (!options.valhalla) continue;
      if (!hasValhalla()) throw new Error("Valhalla is not installed: npm ci --prefix bench/peers/valhalla");
      for (const mode of ["default", "tuned"] as const)
        onScore(await scoreValhalla(folder, set, traces, mode, options.valhallaLiveEvery));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function scoreOurs(folder: string, set: string, traces: readonly Trace[]): Promise<TraceScore> {
  const cost: Cost = { fixes: 0, onlineCpuUs: 0, finalCpuUs: 0, stepUs: [] };
  const answers: TraceAnswer[] = [];
  let open: { map: string; matchers: Matchers } | undefined;
  for (const trace of traces) {
    if (open?.map !== trace.map) open = { map: trace.map, matchers: makeMatchers(await roadsOf(folder, trace.map)) };
    answers.push(matchTrace(open.matchers, trace, cost));
  }
  const steps = Float64Array.from(cost.stepUs).sort();
  return {
    ...{ set, matcher: "ours", traces: traces.length, fixes: cost.fixes },
    evaluation: evaluate(folder, traces, answers),
    between: evaluate(folder, traces.map(betweenFixes), answers),
    onlinePerCpuS: perCpuS(cost.fixes, cost.onlineCpuUs),
    finalPerCpuS: perCpuS(cost.fixes, cost.finalCpuUs),
    onlineP99Us: steps[Math.floor(steps.length * 0.99)] ?? null,
  };
}

async function scoreValhalla(
  folder: string,
  set: string,
  traces: readonly Trace[],
  mode: ValhallaMode,
  liveEvery: number,
): Promise<TraceScore> {
  const answers: TraceAnswer[] = [];
  const cost: Cost = { fixes: 0, onlineCpuUs: 0, finalCpuUs: 0, stepUs: [] };
  let open: { map: string; actor: ReturnType<typeof openValhalla> } | undefined;
  let live: { traces: Trace[]; answers: TraceAnswer[]; fixes: number } = { traces: [], answers: [], fixes: 0 };
  for (const [index, trace] of traces.entries()) {
    if (open?.map !== trace.map) open = { map: trace.map, actor: openValhalla(folder, trace.map) };
    const begin = process.cpuUsage();
    answers.push(await matchWithValhalla(open.actor, trace, mode, false));
    cost.finalCpuUs += cpuUsSince(begin);
    cost.fixes += trace.fixes.length;
    if (liveEvery === 0 || mode !== "tuned" || index % liveEvery !== 0) continue;
    const liveBegin = process.cpuUsage();
    live.answers.push(await matchWithValhalla(open.actor, trace, mode, true));
    cost.onlineCpuUs += cpuUsSince(liveBegin);
    live = { ...live, traces: [...live.traces, trace], fixes: live.fixes + trace.fixes.length };
  }
  const evaluation = evaluate(folder, traces, answers);
  const sample = live.traces.length > 0 ? evaluate(folder, live.traces, live.answers).live : undefined;
  return {
    ...{ set, matcher: `Valhalla ${mode}`, traces: traces.length, fixes: cost.fixes },
    evaluation: sample === undefined ? evaluation : { ...evaluation, live: sample },
    between: evaluate(folder, traces.map(betweenFixes), answers),
    onlinePerCpuS: live.fixes > 0 ? perCpuS(live.fixes, cost.onlineCpuUs) : null,
    finalPerCpuS: perCpuS(cost.fixes, cost.finalCpuUs),
    onlineP99Us: null,
  };
}

type Matchers = { roads: RoadNetwork; viterbi: Viterbi; final: FinalMatcher };

function makeMatchers(roads: RoadNetwork): Matchers {
  return { roads, viterbi: new Viterbi(roads), final: new FinalMatcher(roads) };
}

function matchTrace({ roads, viterbi, final }: Matchers, trace: Trace, cost: Cost): TraceAnswer {
  const fixes = trace.fixes.map(
    ([timeMs, lat, lon, speedMps, headingDeg]): MatchFix => ({
      ...{ timeMs, lat, lon, accuracyM: Number.NaN },
      speedMps: speedMps ?? Number.NaN,
      headingDeg: headingDeg ?? Number.NaN,
    }),
  );
  const wayOf = (directed: number): [number, number] => [
    roads.wayId[roads.edgeWay[directed >> 1]!]!,
    directed & 1 ? -1 : 1,
  ];
  const state = new MatchState();
  const live: number[][] = [];
  const onlineBegin = process.cpuUsage();
  fixes.forEach((fix, i) => {
    const beginMs = performance.now();
    const answer = viterbi.step(state, fix, () => {});
    cost.stepUs.push((performance.now() - beginMs) * 1000);
    if (answer.directed >= 0) live.push([i, answer.latE7 / 1e7, answer.lonE7 / 1e7, ...wayOf(answer.directed)]);
  });
  cost.onlineCpuUs += cpuUsSince(onlineBegin);
  const finalBegin = process.cpuUsage();
  const { placed, stretches } = final.match(fixes);
  cost.finalCpuUs += cpuUsSince(finalBegin);
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

function cpuUsSince(begin: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(begin);
  return user + system;
}

function perCpuS(fixes: number, cpuUs: number): number {
  return Math.round((fixes / cpuUs) * 1e6);
}

/** The rows of the table, for `printTable`. */
export function rowOfTraces({
  set,
  matcher,
  traces,
  evaluation,
  between,
  ...cost
}: TraceScore): Record<string, string> {
  const aim = matcher === "ours" ? (SETS[set] ?? {}) : {};
  const { live, final, rmf_geo, rmf_way, geo_plus, geo_minus } = evaluation;
  const isByWay = SETS[set]?.byWay === true;
  const withAim = (value: string, aimed: number | undefined): string =>
    aimed === undefined ? value : `${value} (${aimed})`;
  const percent = (share: number | null): string => (share === null ? "–" : (100 * share).toFixed(2));
  const of = (value: number | undefined, digits: number): string => value?.toFixed(digits) ?? "–";
  const rate = (value: number | null): string =>
    value === null ? "–" : `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)} k`;
  return {
    set: isByWay ? `${set} (ways)` : set,
    matcher,
    "traces · fixes": `${traces} · ${evaluation.fixes}`,
    "mismatch % (aim)": withAim(percent(isByWay ? rmf_way : rmf_geo), aim.final),
    "between first and last fix %": percent(isByWay ? between.rmf_way : between.rmf_geo),
    "d+ · d− %": isByWay ? "–" : `${percent(geo_plus)} · ${percent(geo_minus)}`,
    "right way live % (aim)": withAim(of(live?.wayTolPct, 1), aim.online),
    "final %": of(final?.wayTolPct, 1),
    "off network left live · final %": withAim(
      live?.offLeftUnmatchedPct === undefined && final?.offLeftUnmatchedPct === undefined
        ? "–"
        : `${of(live?.offLeftUnmatchedPct, 0)} · ${of(final?.offLeftUnmatchedPct, 0)}`,
      aim.off,
    ),
    "position m P50 · P95 live": `${of(live?.posP50, 1)} · ${of(live?.posP95, 1)}`,
    final: `${of(final?.posP50, 1)} · ${of(final?.posP95, 1)}`,
    "fixes/CPU s online · final": `${rate(cost.onlinePerCpuS)} · ${rate(cost.finalPerCpuS)}`,
    "p99 µs": cost.onlineP99Us === null ? "–" : cost.onlineP99Us.toFixed(0),
  };
}
