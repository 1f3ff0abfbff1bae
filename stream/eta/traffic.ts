import { areaOf } from "./area.ts";
import type { TrafficSample } from "./eta.ts";

/**
 * Traffic now against the learned speeds, from what the fleet's vehicles drove in the last minutes: by area, shrunk towards
 * the whole fleet's, fading with age, and fading into the future.
 */
type Decayed = { drivenS: number; expectedS: number; timeMs: number };
/** A sum as it is kept; `area` null: of the whole fleet. */
export type TrafficSum = Decayed & { area: number | null };

const HALF_LIFE_MS = 1_200_000;
/** What is true now says so much less about later. */
const FORESIGHT_MS = 2_700_000;
/** Expected seconds that the learned speeds, and for an area the whole fleet's traffic, are worth. */
const ALL_WORTH_S = 1_200;
const AREA_WORTH_S = 400;
const FACTOR_MIN = 0.6;
const FACTOR_MAX = 3;
/** Areas that have faded to less than this are forgotten. */
const FORGOTTEN_S = 5;
const AREAS_MAX = 20_000;
/** What is older has faded to nothing. */
export const TRAFFIC_KEPT_MS = 10 * HALF_LIFE_MS;
const NOTHING: Decayed = { drivenS: 0, expectedS: 0, timeMs: 0 };

export class Traffic {
  #all: Decayed = NOTHING;
  readonly #areas = new Map<number, Decayed>();

  constructor(sums: readonly TrafficSum[] = []) {
    for (const { area, drivenS, expectedS, timeMs } of sums) {
      const sum = { drivenS, expectedS, timeMs };
      if (area === null) this.#all = sum;
      else this.#areas.set(area, sum);
    }
  }

  observe(sample: TrafficSample): void {
    this.#all = added(this.#all, sample);
    const area = areaOf(sample.latDeg, sample.lonDeg);
    this.#areas.set(area, added(this.#areas.get(area), sample));
    if (this.#areas.size > AREAS_MAX) this.#forget(sample.timeMs);
  }

  /** Takes samples and gives the sums that this changes. */
  observeAll(samples: readonly TrafficSample[]): TrafficSum[] {
    const areas = new Set(samples.map(({ latDeg, lonDeg }) => areaOf(latDeg, lonDeg)));
    for (const sample of samples) this.observe(sample);
    const changed = [...areas].flatMap((area) => {
      const sum = this.#areas.get(area);
      return sum === undefined ? [] : [{ area, ...sum }];
    });
    return [{ area: null, ...this.#all }, ...changed];
  }

  /** Factor on learned seconds in an area, `aheadMs` from `nowMs`. */
  factor(area: number, nowMs: number, aheadMs: number): number {
    const share = fade(this.#all, nowMs);
    const all = (this.#all.drivenS * share + ALL_WORTH_S) / (this.#all.expectedS * share + ALL_WORTH_S);
    const sum = this.#areas.get(area);
    let now = all;
    if (sum !== undefined) {
      const left = fade(sum, nowMs);
      now = (sum.drivenS * left + AREA_WORTH_S * all) / (sum.expectedS * left + AREA_WORTH_S);
    }
    const bounded = Math.min(FACTOR_MAX, Math.max(FACTOR_MIN, now));
    return 1 + (bounded - 1) * Math.exp(-Math.max(0, aheadMs) / FORESIGHT_MS);
  }

  #forget(nowMs: number): void {
    for (const [area, sum] of this.#areas) if (sum.expectedS * fade(sum, nowMs) < FORGOTTEN_S) this.#areas.delete(area);
  }
}

function added(sum: Decayed | undefined, { timeMs, drivenS, expectedS }: TrafficSample): Decayed {
  if (sum === undefined) return { timeMs, drivenS, expectedS };
  // A sample older than the newest fades on its own.
  const newestMs = Math.max(sum.timeMs, timeMs);
  const oldShare = fade(sum, newestMs);
  const newShare = 0.5 ** ((newestMs - timeMs) / HALF_LIFE_MS);
  return {
    timeMs: newestMs,
    drivenS: sum.drivenS * oldShare + drivenS * newShare,
    expectedS: sum.expectedS * oldShare + expectedS * newShare,
  };
}

function fade(sum: Decayed, nowMs: number): number {
  return 0.5 ** (Math.max(0, nowMs - sum.timeMs) / HALF_LIFE_MS);
}
