/** Rests: long halts away from stops, once a day, learned by how long a vehicle has been under way. */

/** Under way without a rest in one half hour: how often, how often a rest began then, and how long those lasted. */
export type RestSum = { halfHour: number; exposed: number; rests: number; restS: number };

export type RestModel = {
  /** Chance that a rest begins within each half hour under way, if none was taken before. */
  chances: number[];
  /** What a rest lasts on average. */
  lastsS: number;
};

/** An observed day: when it was under way, and its rest. */
export type RestDay = { fromMs: number; toMs: number; rest: { fromMs: number; toMs: number } | null };

export const unlearnedRests: RestModel = { chances: [], lastsS: 0 };

const HALF_HOUR_MS = 1_800_000;
const HALF_HOURS_MAX = 36;
/** Half hours without a rest that the unlearned model is worth. */
const WORTH = 3;

export function restSumsOf({ fromMs, toMs, rest }: RestDay): RestSum[] {
  const halfHours = (untilMs: number): number => Math.max(0, untilMs - fromMs) / HALF_HOUR_MS;
  const restAt = rest === null ? -1 : Math.floor(halfHours(rest.fromMs));
  const count = Math.min(HALF_HOURS_MAX, rest === null ? Math.ceil(halfHours(toMs)) : restAt + 1);
  return Array.from({ length: count }, (_, halfHour) =>
    rest !== null && halfHour === restAt
      ? { halfHour, exposed: 1, rests: 1, restS: (rest.toMs - rest.fromMs) / 1000 }
      : { halfHour, exposed: 1, rests: 0, restS: 0 },
  );
}

export function fitRests(sums: readonly RestSum[]): RestModel {
  const chances = new Array<number>(HALF_HOURS_MAX).fill(0);
  let [rests, restS] = [0, 0];
  for (const sum of sums) {
    chances[sum.halfHour] = sum.rests / (sum.exposed + WORTH);
    rests += sum.rests;
    restS += sum.restS;
  }
  return rests > 0 ? { chances, lastsS: restS / rests } : unlearnedRests;
}

/** The chance that a vehicle under way since `startedMs`, not rested by `nowMs`, rests before `untilMs`. */
export function restChance({ chances }: RestModel, startedMs: number, nowMs: number, untilMs: number): number {
  if (chances.length === 0) return 0;
  const from = Math.max(0, (nowMs - startedMs) / HALF_HOUR_MS);
  const to = (untilMs - startedMs) / HALF_HOUR_MS;
  let without = 1;
  for (let half = Math.floor(from); half < Math.min(to, chances.length); half++) {
    const share = Math.min(to, half + 1) - Math.max(from, half);
    if (share > 0) without *= (1 - chances[half]!) ** share;
  }
  return 1 - without;
}
