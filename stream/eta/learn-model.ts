import { type ApproachSum, fitApproaches } from "./approaches.ts";
import { type ErrorModel, emptyHistogram, errorBin } from "./errors.ts";
import type { EtaModel } from "./eta-model.ts";
import type { Outlook } from "./outlook.ts";
import { addRests, fadedRests, fitRests, type RestSum } from "./rests.ts";
import { fitServices, type ServiceSum } from "./service-times.ts";
import { fitSpeeds, type SpeedSum } from "./speeds.ts";

/** An issued ETA whose stop was reached. */
export type ErrorSample = Outlook & { bucket: string; arrivedMs: number };

/** A histogram of `errorBin`s of one bucket. */
export type ErrorSum = { bucket: string; counts: readonly number[] };

/** Everything a fleet has observed, as sums that later days add to. */
export type Learned = {
  speeds: readonly SpeedSum[];
  approaches: readonly ApproachSum[];
  services: readonly ServiceSum[];
  rests: readonly RestSum[];
  errors: readonly ErrorSum[];
};

/** What is learned fades: after so long, an observation counts half. Traffic and customers change, and so do models. */
export const SPEED_HALF_LIFE_MS = 28 * 86_400_000;
export const SERVICE_HALF_LIFE_MS = 60 * 86_400_000;
export const ERROR_HALF_LIFE_MS = 4 * 86_400_000;

/** The model that follows from what was observed; the same sums give the same model. */
export function fitModel(learned: Learned, version: number, timeZone: string): EtaModel {
  return {
    version,
    timeZone,
    speeds: fitSpeeds(learned.speeds),
    approaches: fitApproaches(learned.approaches),
    services: fitServices(learned.services),
    rests: fitRests(learned.rests),
    errors: errorModel(learned.errors),
  };
}

/** Histograms of errors by bucket. */
export function sumErrors(samples: readonly ErrorSample[]): ErrorSum[] {
  const byBucket = new Map<string, number[]>();
  for (const sample of samples) {
    const { bucket, arrivedMs } = sample;
    let counts = byBucket.get(bucket);
    if (counts === undefined) {
      counts = emptyHistogram();
      byBucket.set(bucket, counts);
    }
    counts[errorBin(sample, arrivedMs)]! += 1;
  }
  return [...byBucket].map(([bucket, counts]) => ({ bucket, counts }));
}

/** Yesterday's sums, faded, and today's: what one more period makes of what was learned. */
export function fadeAndAdd(before: Learned, added: Learned, elapsedMs: number): Learned {
  const share = (halfLifeMs: number): number => 0.5 ** (Math.max(0, elapsedMs) / halfLifeMs);
  const [speed, service, error] = [SPEED_HALF_LIFE_MS, SERVICE_HALF_LIFE_MS, ERROR_HALF_LIFE_MS].map(share);
  return {
    speeds: merge(
      before.speeds.map((sum) => ({ ...sum, drivenS: sum.drivenS * speed!, freeS: sum.freeS * speed! })),
      added.speeds,
      (sum) => `${sum.wayId}/${sum.forward}/${sum.area}/${sum.slot}`,
      (a, b) => ({ ...a, drivenS: a.drivenS + b.drivenS, freeS: a.freeS + b.freeS }),
    ),
    approaches: merge(
      before.approaches.map((sum) => ({ ...sum, legs: sum.legs * speed!, beyondS: sum.beyondS * speed! })),
      added.approaches,
      (sum) => `${sum.place}/${sum.driver}`,
      (a, b) => ({ ...a, legs: a.legs + b.legs, beyondS: a.beyondS + b.beyondS }),
    ),
    services: merge(
      before.services.map((sum) => ({
        ...sum,
        visits: sum.visits * service!,
        sumShare: sum.sumShare * service!,
        sumLog: sum.sumLog * service!,
        sumLogSquare: sum.sumLogSquare * service!,
      })),
      added.services,
      (sum) => `${sum.kind}/${sum.place}/${sum.driver}`,
      (a, b) => ({
        ...a,
        visits: a.visits + b.visits,
        sumShare: a.sumShare + b.sumShare,
        sumLog: a.sumLog + b.sumLog,
        sumLogSquare: a.sumLogSquare + b.sumLogSquare,
      }),
    ),
    rests: merge(
      before.rests.map((sum) => fadedRests(sum, service!)),
      added.rests,
      (sum) => String(sum.halfHour),
      addRests,
    ),
    errors: mergeErrors(
      before.errors.map(({ bucket, counts }) => ({ bucket, counts: counts.map((count) => count * error!) })),
      added.errors,
    ),
  };
}

/** Histograms of both, added up by bucket. */
export function mergeErrors(before: readonly ErrorSum[], added: readonly ErrorSum[]): ErrorSum[] {
  return merge(
    before,
    added,
    (sum) => sum.bucket,
    (a, b) => ({ bucket: a.bucket, counts: a.counts.map((count, bin) => count + b.counts[bin]!) }),
  );
}

function errorModel(errors: readonly ErrorSum[]): ErrorModel {
  return { buckets: Object.fromEntries(errors.map(({ bucket, counts }) => [bucket, [...counts]])) };
}

/** Sums with equal keys become one; the order is that of first appearance. */
function merge<Sum>(
  before: readonly Sum[],
  added: readonly Sum[],
  keyOf: (sum: Sum) => string,
  add: (a: Sum, b: Sum) => Sum,
): Sum[] {
  const byKey = new Map<string, Sum>();
  for (const sum of [...before, ...added]) {
    const key = keyOf(sum);
    const known = byKey.get(key);
    byKey.set(key, known === undefined ? sum : add(known, sum));
  }
  return [...byKey.values()];
}
