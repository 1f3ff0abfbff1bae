import type { Errors, Rate, Score } from "./score.ts";

/** One line of a report: what was driven, and how right the service was. */
export type NamedScore = { name: string; score: Score };

/** The scores as a Markdown table, each figure with the number of cases behind it. */
export function scoreTable(scores: readonly NamedScore[]): string {
  const rows = scores.map(({ name, score }) => Object.entries(cellsOf(name, score)));
  const header = rows[0]?.map(([column]) => column) ?? [];
  const lines = [header, header.map(() => "---"), ...rows.map((cells) => cells.map(([, text]) => text))];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function cellsOf(name: string, score: Score): Record<string, string> {
  const { route, visits, trips } = score;
  return {
    drives: name,
    "vehicles · fixes · late": `${score.vehicles} · ${score.fixes} · ${score.late}`,
    "route mismatch % (d+ · d−) of km, km untold": `${percent(route.mismatch, 2)} (${percent(route.dPlus, 2)} · ${percent(route.dMinus, 2)}) of ${km(route.trueM)}, ${km(route.untoldM)}`,
    "right way and direction %": rate(score.rightWay),
    "late ones %": rate(score.rightWayLate),
    "raw P50 · P95 m": metres(score.raw),
    "smoothed m": metres(score.smoothed),
    "matched m": metres(score.matched),
    "visits recall · precision": `${ratio(visits.recall)} of ${visits.due} · ${ratio(visits.precision)} of ${visits.reported}`,
    "exactly once": visits.due > 0 ? `${visits.once} of ${visits.due}` : "–",
    "times P50 · P95 s":
      visits.times.cases > 0
        ? `${visits.times.p50S?.toFixed(1)} · ${visits.times.p95S?.toFixed(1)} of ${visits.times.cases}`
        : "–",
    "trip distance error P50 · P95 · sum %, % of km in trips": `${percent(trips.p50, 2)} · ${percent(trips.p95, 1)} · ${percent(trips.sum, 2)} of ${trips.cases}, ${percent(trips.coveredShare, 1)}`,
    "time right %": rate(score.timeRight),
  };
}

function percent(share: number | null, digits: number): string {
  return share === null ? "–" : (100 * share).toFixed(digits);
}

function km(metres: number): string {
  return (metres / 1000).toFixed(1);
}

function ratio(share: number | null): string {
  return share === null ? "–" : share.toFixed(4);
}

function rate({ share, cases }: Rate): string {
  return cases > 0 ? `${percent(share, 2)} of ${cases}` : "–";
}

function metres({ p50M, p95M, cases }: Errors): string {
  return cases > 0 ? `${p50M?.toFixed(1)} · ${p95M?.toFixed(1)} of ${cases}` : "–";
}
