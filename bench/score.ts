import { parseArgs } from "node:util";
import { printTable } from "./measure.ts";
import { reasonToSkipTraces, rowOfTraces, scoreTraces, type TraceScore } from "./score-traces.ts";
import { SETS } from "./trace-sets.ts";

/**
 * How right positions, paths, visits and trips are: `npm run score -- [--only traces] [--sets a,b] [--every 5] [--from 0]
 * [--valhalla] [--json]`. `--every 5` takes every fifth trace of a set, `--from` says beginning with which.
 */
const { values: given } = parseArgs({
  options: {
    only: { type: "string" },
    sets: { type: "string", default: Object.keys(SETS).join(",") },
    every: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
    valhalla: { type: "boolean", default: false },
    "valhalla-live-every": { type: "string", default: "30" },
    json: { type: "boolean", default: false },
  },
});
const say = given.json ? console.error : console.log;
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
    await scoreTraces(options, (score) => traces.push(score));
    if (!given.json) printTable("Traces with ground truth", traces.map(rowOfTraces));
  }
}
if (given.json) console.log(JSON.stringify({ traces }));
