import { parseArgs } from "node:util";
import { type NamedScore, scoreTable } from "#simulator/score/report.ts";
import { printTable } from "./measure.ts";
import { scoreSimulatedDrives } from "./score-drives.ts";
import { reasonToSkipTraces, rowOfTraces, scoreTraces, type TraceScore } from "./score-traces.ts";
import { SETS } from "./trace-sets.ts";

/**
 * How right positions, paths, visits and trips are: `npm run score -- [--only drives|traces] [--vehicles 6]
 * [--minutes 60] [--seed 1] [--drives standstill] [--sets a,b] [--every 5] [--from 0]
 * [--valhalla] [--json]`. `--every 5` takes every fifth trace of a set, `--from` says beginning with which.
 */
const { values: given } = parseArgs({
  options: {
    only: { type: "string" },
    vehicles: { type: "string", default: "6" },
    minutes: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    drives: { type: "string", default: "" },
    sets: { type: "string", default: Object.keys(SETS).join(",") },
    every: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
    valhalla: { type: "boolean", default: false },
    "valhalla-live-every": { type: "string", default: "30" },
    json: { type: "boolean", default: false },
  },
});
/** Ends the run: a report about nothing must not look like one without faults. */
function refuse(detail: string): never {
  console.error(`npm run score: ${detail}`);
  process.exit(2);
}

if (given.only !== undefined && given.only !== "drives" && given.only !== "traces")
  refuse(`--only takes drives or traces, not ${given.only}`);
const unknown = given.sets.split(",").filter((set) => !(set in SETS));
if (unknown.length > 0) refuse(`no such set: ${unknown.join(", ")}; there are ${Object.keys(SETS).join(", ")}`);
const say = given.json ? console.error : console.log;
const drives: NamedScore[] = [];
if (given.only === undefined || given.only === "drives") {
  const [vehicles, minutes, seed] = [given.vehicles, given.minutes, given.seed].map(Number) as [number, number, number];
  await scoreSimulatedDrives(vehicles, minutes, seed, given.drives, (score) => drives.push(score));
  if (drives.length === 0) refuse(`no drives have "${given.drives}" in their name`);
  if (!given.json)
    console.log(`### Simulated drives in Gothenburg through decoder and stages\n\n${scoreTable(drives)}`);
}
const traces: TraceScore[] = [];
if (given.only === undefined || given.only === "traces") {
  const reason = reasonToSkipTraces();
  if (reason !== undefined) say(`skipped: ${reason}`);
  else {
    const options = {
      sets: given.sets.split(","),
      share: { every: Number(given.every), from: Number(given.from) },
      ...{ valhalla: given.valhalla, valhallaLiveEvery: Number(given["valhalla-live-every"]) },
    };
    await scoreTraces(options, (score) => {
      traces.push(score);
      console.error(`${score.set}: ${score.matcher} done`);
    });
    if (traces.length === 0) refuse(`no trace is the ${given.every}th from ${given.from}`);
    if (!given.json) printTable("Traces with ground truth", traces.map(rowOfTraces));
  }
}
if (given.json) console.log(JSON.stringify({ drives, traces }));
