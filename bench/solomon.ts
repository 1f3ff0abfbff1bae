import { readFileSync } from "node:fs";
import { sequence } from "#stream/sequencing/sequence.ts";
import type { SequencingProblem } from "#stream/sequencing/sequencing-problem.ts";
import { printGoal, printTable } from "./measure.ts";

/**
 * Sequencing against published optima of Solomon's instances of 100 customers: least distance, distances cut to a tenth, as
 * Kohl et al. (1999) and those after them have it. `SOLOMON_ITERATIONS` for more or less. The optima are as the table
 * `OptimalSolutions.java` of the solver `vrptwfl` (A. Jungwirth) collects them from the literature; the instances were compared
 * with those of github.com/PyVRP/Instances, VRPTW/Solomon (both on 2026-11-22).
 */

const OPTIMA = [
  { name: "c101", distance: 827.3, vehicles: 10 },
  { name: "r101", distance: 1637.7, vehicles: 20 },
  { name: "rc101", distance: 1619.8, vehicles: 15 },
];
const GAP_PERCENT_MAX = 2;
const SEED = 1;
const VEHICLES_MAX = 25;
const iterations = Number(process.env.SOLOMON_ITERATIONS ?? 20_000);

function readInstance(name: string): SequencingProblem {
  const lines = readFileSync(new URL(`solomon/${name}.txt`, import.meta.url), "utf8").split("\n");
  const rows = lines.filter((line) => line !== "" && !line.startsWith("#")).map((line) => line.split(" ").map(Number));
  const [[capacity, serviceS], depot, ...customers] = rows as [[number, number], number[], ...number[][]];
  const nodes = [...customers, depot!, depot!];
  const travelS = new Float64Array(nodes.length ** 2);
  nodes.forEach(([x, y], from) => {
    nodes.forEach(([toX, toY], to) => {
      travelS[from * nodes.length + to] = Math.floor(Math.hypot(x! - toX!, y! - toY!) * 10) / 10;
    });
  });
  return {
    stops: customers.map(([, , deliver, windowStartS, windowEndS]) => ({
      ...{ deliver: deliver!, pickUp: 0, windowStartS: windowStartS!, windowEndS: windowEndS!, serviceS },
    })),
    ...{ vehicles: VEHICLES_MAX, capacity, startS: depot![3]!, endS: depot![4]!, travelS, waitWeight: 0 },
  };
}

/** Distance of the tours; throws where a window, the load or a customer is missed. */
function distanceOf({ stops, travelS, capacity, startS, endS }: SequencingProblem, tours: readonly number[][]): number {
  const nodes = stops.length + 2;
  if (new Set(tours.flat()).size !== stops.length) throw new Error("a customer is not served once");
  let distance = 0;
  for (const tour of tours) {
    let timeS = startS;
    let from = stops.length;
    for (const node of [...tour, stops.length + 1]) {
      const legS = travelS[from * nodes + node]!;
      const stop = stops[node];
      timeS = Math.max(timeS + legS, stop?.windowStartS ?? 0);
      if (timeS > (stop?.windowEndS ?? endS) + 1e-6) throw new Error("a window is missed");
      timeS += stop?.serviceS ?? 0;
      distance += legS;
      from = node;
    }
    if (tour.reduce((load, node) => load + stops[node]!.deliver, 0) > capacity) throw new Error("too much on board");
  }
  return distance;
}

const measured = OPTIMA.map(({ name, distance: optimum, vehicles }) => {
  const problem = readInstance(name);
  const begin = process.cpuUsage();
  const { tours } = sequence(problem, { seed: SEED, iterations });
  const cpu = process.cpuUsage(begin);
  const distance = distanceOf(problem, tours);
  const gapPercent = (distance / optimum - 1) * 100;
  return { name, optimum, vehicles, distance, tours: tours.length, gapPercent, cpuS: (cpu.user + cpu.system) / 1e6 };
});
printTable(
  `Sequencing: Solomon's instances, ${iterations} iterations`,
  measured.map(({ name, optimum, vehicles, distance, tours, gapPercent, cpuS }) => ({
    instance: name,
    "optimum (vehicles)": `${optimum} (${vehicles})`,
    "found (vehicles)": `${distance.toFixed(1)} (${tours})`,
    "above the optimum, %": gapPercent.toFixed(2),
    "CPU s": cpuS.toFixed(1),
  })),
);
const worst = Math.max(...measured.map(({ gapPercent }) => gapPercent));
printGoal(`at most ${GAP_PERCENT_MAX} % above the published optimum`, worst, worst <= GAP_PERCENT_MAX);
