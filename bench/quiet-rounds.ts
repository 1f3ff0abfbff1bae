import { readFileSync } from "node:fs";

/**
 * On a virtual machine the host may give our CPU to others while a process is ready to run: "steal" of /proc/stat,
 * proc(5). What goes to and fro between processes, or waits for a disk, is slowed by it far more than its share says,
 * and by a different factor for each of those that are compared.
 */
const STOLEN_SHARE_MAX = 0.05;
const ROUNDS_AGAIN_MAX = 12;
const STEAL_FIELD = 7;

/** Of all CPUs, in ticks of the system. Nothing where the system does not tell. */
export type CpuTicks = { all: number; stolen: number };

export function cpuTicks(): CpuTicks {
  if (process.platform !== "linux") return { all: 0, stolen: 0 };
  // Guest time, behind steal, is contained in user time.
  const [, ...fields] = readFileSync("/proc/stat", "latin1").split("\n", 1)[0]!.split(/\s+/);
  const ticks = fields.slice(0, STEAL_FIELD + 1).map(Number);
  return { all: ticks.reduce((sum, each) => sum + each, 0), stolen: ticks[STEAL_FIELD]! };
}

/** Share of all CPU time since `begin` that the host gave to others, 0 to 1. */
export function stolenShareSince(begin: CpuTicks): number {
  const now = cpuTicks();
  return (now.stolen - begin.stolen) / Math.max(1, now.all - begin.all);
}

/**
 * Measures until `count` rounds were left alone by the host, at most ROUNDS_AGAIN_MAX more than that; returns the `count`
 * with the least stolen, whatever they found, and says how much that was.
 */
export async function quietRounds<T>(count: number, measure: (round: number) => Promise<T>): Promise<T[]> {
  const rounds: { stolen: number; found: T }[] = [];
  const quiet = () => rounds.filter(({ stolen }) => stolen <= STOLEN_SHARE_MAX).length;
  while (quiet() < count && rounds.length < count + ROUNDS_AGAIN_MAX) {
    const begin = cpuTicks();
    const found = await measure(rounds.length);
    rounds.push({ stolen: stolenShareSince(begin), found });
  }
  const counted = rounds.toSorted((a, b) => a.stolen - b.stolen).slice(0, count);
  const percent = (100 * counted.at(-1)!.stolen).toFixed(1);
  console.log(`\n${count} of ${rounds.length} rounds count: of those the host took at most ${percent} % of the CPU.`);
  return counted.map(({ found }) => found);
}
