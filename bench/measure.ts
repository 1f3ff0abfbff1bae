/** What every benchmark needs: CPU seconds of this process, and tables that say ratios. */

/** Runs `work` until it has used `cpuSeconds` of this process; returns units of work per CPU second. */
export function ratePerCpuSecond(unitsPerCall: number, work: () => void, cpuSeconds = 1.5): number {
  const warmUpUntilMs = performance.now() + 300;
  while (performance.now() < warmUpUntilMs) work();
  const begin = process.cpuUsage();
  let calls = 0;
  let usedS = 0;
  do {
    for (let repeat = 0; repeat < 16; repeat++) work();
    calls += 16;
    usedS = cpuSecondsSince(begin);
  } while (usedS < cpuSeconds);
  return (calls * unitsPerCall) / usedS;
}

export function cpuSecondsSince(begin: NodeJS.CpuUsage): number {
  const used = process.cpuUsage(begin);
  return (used.user + used.system) / 1e6;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** Prints rows as a Markdown table, numbers to three significant digits. */
export function printTable(title: string, rows: readonly Record<string, string | number>[]): void {
  const columns = Object.keys(rows[0] ?? {});
  const text = (value: string | number | undefined) => (typeof value === "number" ? significant(value) : (value ?? ""));
  console.log(`\n### ${title}\n`);
  console.log(`| ${columns.join(" | ")} |`);
  console.log(`|${columns.map(() => "---").join("|")}|`);
  for (const row of rows) console.log(`| ${columns.map((column) => text(row[column])).join(" | ")} |`);
}

/** One goal and whether this run reached it. */
export function printGoal(goal: string, value: number, reached: boolean): void {
  console.log(`\n${reached ? "reached" : "MISSED"}: ${goal}: ${significant(value)}`);
}

function significant(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US").replaceAll(",", " ");
  return Number(value.toPrecision(3)).toString();
}
