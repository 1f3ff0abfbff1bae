import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TRACES, type Trace, type TraceAnswer } from "./trace-sets.ts";

export type Side = {
  wayTolPct: number;
  dirPct: number;
  posMean: number;
  posP50: number;
  posP95: number;
  offLeftUnmatchedPct?: number;
};

/** Shares in [0, 1] (`rmf…`, `geo…`) and percent. `geo_plus` is Newson and Krumm's d+, driven by mistake; `geo_minus` d−. */
export type Evaluation = {
  traces: number;
  fixes: number;
  rmf_way: number;
  rmf_geo: number | null;
  geo_plus: number | null;
  geo_minus: number | null;
  live?: Side;
  final?: Side;
};

/** Has the traces' own evaluator judge what a matcher said; every matcher is judged by it. */
export function evaluate(folder: string, traces: readonly Trace[], answers: readonly TraceAnswer[]): Evaluation {
  const [truthFile, answerFile] = [join(folder, "truth.jsonl"), join(folder, "answer.jsonl")];
  writeFileSync(truthFile, traces.map((trace) => JSON.stringify(trace)).join("\n"));
  writeFileSync(answerFile, answers.map((answer) => JSON.stringify(answer)).join("\n"));
  const evaluator = join(TRACES, "tools/evaluate.mjs");
  const output = execFileSync(process.execPath, [evaluator, truthFile, answerFile, "--json"], { encoding: "utf8" });
  return JSON.parse(output) as Evaluation;
}
