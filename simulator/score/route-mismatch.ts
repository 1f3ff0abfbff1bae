import { distanceM, headingDeg, offsetDeg, turnDeg } from "../roads/geometry.ts";

export type LinePoint = readonly [latDeg: number, lonDeg: number];

/** Metres of truth, of what was driven and not said (d−), and of what was said and not driven (d+). */
export type RouteMismatch = { trueM: number; missedM: number; addedM: number };

const SAMPLE_M = 2;
const NEAR_M = 4;
const CELL_M = 8;
const TURN_DEG_MAX = 60;
const METRES_PER_DEG = 111_195;

type Sample = { latDeg: number; lonDeg: number; headingDeg: number; lengthM: number; alongM: number };

/**
 * Newson and Krumm's (2009) route mismatch on geometry: both lines are sampled every 2 m, and a sample is right where the
 * other line passes within 4 m in a like direction. The first and last `trimM` of the truth are nobody's fault.
 */
export function compareRoutes(
  truth: readonly LinePoint[],
  said: readonly (readonly LinePoint[])[],
  trimM: number,
): RouteMismatch {
  const trueSamples = sampleLine(truth);
  const saidSamples = said.flatMap(sampleLine);
  const totalM = trueSamples.at(-1)?.alongM ?? 0;
  const isNearSaid = nearnessTo(saidSamples);
  const isNearTruth = nearnessTo(trueSamples);
  const mismatch: RouteMismatch = { trueM: 0, missedM: 0, addedM: 0 };
  for (const sample of trueSamples) {
    if (sample.alongM < trimM || sample.alongM > totalM - trimM) continue;
    mismatch.trueM += sample.lengthM;
    if (!isNearSaid(sample)) mismatch.missedM += sample.lengthM;
  }
  const ends = [truth[0], truth.at(-1)].filter((end) => end !== undefined);
  for (const sample of saidSamples) {
    if (isNearTruth(sample)) continue;
    if (ends.some((end) => distanceM(end[0], end[1], sample.latDeg, sample.lonDeg) < trimM)) continue;
    mismatch.addedM += sample.lengthM;
  }
  return mismatch;
}

function sampleLine(line: readonly LinePoint[]): Sample[] {
  const samples: Sample[] = [];
  let beforeM = 0;
  for (let i = 1; i < line.length; i++) {
    const [latA, lonA] = line[i - 1]!;
    const [latB, lonB] = line[i]!;
    const stepM = distanceM(latA, lonA, latB, lonB);
    if (stepM < 1e-6) continue;
    const count = Math.max(1, Math.round(stepM / SAMPLE_M));
    const heading = headingDeg(latA, lonA, latB, lonB);
    for (let k = 0; k < count; k++) {
      const share = (k + 0.5) / count;
      samples.push({
        ...{ latDeg: latA + (latB - latA) * share, lonDeg: lonA + (lonB - lonA) * share },
        ...{ headingDeg: heading, lengthM: stepM / count, alongM: beforeM + stepM * share },
      });
    }
    beforeM += stepM;
  }
  return samples;
}

/** Says whether a place is near one of the samples, in a like direction. */
function nearnessTo(samples: readonly Sample[]): (sample: Sample) => boolean {
  const first = samples[0];
  if (first === undefined) return () => false;
  const lonScale = 1 / offsetDeg(first.latDeg, 0, 1).lonDeg;
  const cells = new Map<string, Sample[]>();
  const cellOf = ({ latDeg, lonDeg }: Sample): [number, number] => [
    Math.floor((latDeg * METRES_PER_DEG) / CELL_M),
    Math.floor((lonDeg * lonScale) / CELL_M),
  ];
  for (const sample of samples) {
    const key = cellOf(sample).join();
    const held = cells.get(key);
    if (held === undefined) cells.set(key, [sample]);
    else held.push(sample);
  }
  const matches = (a: Sample, b: Sample): boolean =>
    turnDeg(a.headingDeg, b.headingDeg) <= TURN_DEG_MAX && distanceM(a.latDeg, a.lonDeg, b.latDeg, b.lonDeg) <= NEAR_M;
  return (sample) => {
    const [row, column] = cellOf(sample);
    for (let r = row - 1; r <= row + 1; r++)
      for (let c = column - 1; c <= column + 1; c++)
        if (cells.get(`${r},${c}`)?.some((other) => matches(sample, other))) return true;
    return false;
  };
}
