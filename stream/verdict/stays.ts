import type { TrackFix } from "./evidence.ts";
import { VERDICT_LIMITS } from "./limits.ts";

/** A time that the vehicle stood, and about where: the mean of its fixes. */
export type Stay = {
  readonly fromMs: number;
  readonly toMs: number;
  readonly latDeg: number;
  readonly lonDeg: number;
  /** Mean sigma of its fixes, metres. */
  readonly sigmaM: number;
  readonly ids: readonly string[];
};

/** Stays in the order of time: runs of fixes at less than walking pace, `dwellMinS` or longer. */
export function staysOf(fixes: readonly TrackFix[]): Stay[] {
  const stays: Stay[] = [];
  let run: TrackFix[] = [];
  const close = (): void => {
    const stay = run.length > 1 ? stayOf(run) : undefined;
    if (stay !== undefined && stay.toMs - stay.fromMs >= VERDICT_LIMITS.dwellMinS * 1000) stays.push(stay);
    run = [];
  };
  for (const fix of fixes) {
    if (fix.speedMps !== null && fix.speedMps < VERDICT_LIMITS.stillMps) run.push(fix);
    else close();
  }
  close();
  return stays;
}

function stayOf(run: readonly TrackFix[]): Stay {
  const mean = (of: (fix: TrackFix) => number): number => run.reduce((sum, fix) => sum + of(fix), 0) / run.length;
  return {
    ...{ fromMs: run[0]!.timeMs, toMs: run.at(-1)!.timeMs },
    ...{ latDeg: mean((fix) => fix.latDeg), lonDeg: mean((fix) => fix.lonDeg), sigmaM: mean((fix) => fix.sigmaM) },
    ids: [run[0]!, run.at(-1)!].map((fix) => `fix:${fix.id}`),
  };
}
