import type { TrackFix } from "#stream/verdict/evidence.ts";
import type { Random } from "../random.ts";
import type { TrueState, TrueStop } from "./drive-day.ts";
import { degreesOf, gaussian, type Site } from "./town.ts";

const ERROR_KEEPS_S = 40;
const PLAIN_SIGMA_M = 5;
const CANYON_SIGMA_M = 38;

/** Metres by which the vehicle's receiver errs at a second: more between high buildings. */
export function trackerSigmas(states: readonly TrueState[], stops: readonly TrueStop[]): Float64Array {
  const sigmas = new Float64Array(states.length).fill(PLAIN_SIGMA_M);
  for (const stop of stops) {
    if (stop.kind !== "urban canyon") continue;
    sigmas.fill(CANYON_SIGMA_M, Math.max(0, stop.parkedFromS! - 240), stop.parkedToS! + 240);
  }
  return sigmas;
}

/** The vehicle's fixes, every `everyS`, with the ignition and, if it has such an input, its doors. */
export function trackerFixes(
  random: Random,
  states: readonly TrueState[],
  sigmas: Float64Array,
  { everyS, withDoors }: { everyS: number; withDoors: boolean },
  startMs: number,
): TrackFix[] {
  const fixes: TrackFix[] = [];
  const step = errorProcess(random);
  for (const [second, state] of states.entries()) {
    const error = step(sigmas[second]!);
    if (second % everyS !== 0) continue;
    const isMoving = state.speedMps > 0;
    fixes.push({
      id: `v${second}`,
      timeMs: startMs + second * 1000,
      ...degreesOf({ east: state.east + error.east, north: state.north + error.north }),
      speedMps: Math.max(0, state.speedMps + gaussian(random) * (isMoving ? 0.4 : 0.15)),
      // Receivers are too sure of themselves between buildings.
      sigmaM: sigmas[second]! > PLAIN_SIGMA_M ? sigmas[second]! * 0.6 : PLAIN_SIGMA_M * 1.2,
      ...{ mock: false, doorOpen: withDoors ? state.doorOpen : null, ignition: state.ignition },
    });
  }
  return fixes;
}

/** Fixes of a phone that stays at `site` from a little before the proof to a little after. */
export function phoneFixes(
  random: Random,
  stop: TrueStop,
  { site, mock }: { site: Site; mock: "flag" | "still" | "jump" | null },
  startMs: number,
): TrackFix[] {
  const sigmaM = stop.kind === "urban canyon" ? 20 : 6;
  const step = errorProcess(random);
  const still = degreesOf(site);
  return Array.from({ length: 12 }, (_, n): TrackFix => {
    const error = step(sigmaM);
    const jumpM = mock === "jump" && n < 4 ? 6_000 : 0;
    const second = stop.podAtS + (n - 8) * 8;
    return {
      id: `p${second}-${stop.kind}`,
      timeMs: startMs + second * 1000,
      ...(mock === "still"
        ? still
        : degreesOf({ east: site.east + error.east + jumpM, north: site.north + error.north })),
      ...{ speedMps: null, sigmaM, mock: mock === "flag", doorOpen: null, ignition: null },
    };
  });
}

/** A first-order autoregressive error of both axes whose deviation may change on the way. */
function errorProcess(random: Random): (sigmaM: number) => Site {
  const keep = Math.exp(-1 / ERROR_KEEPS_S);
  const spread = Math.sqrt(1 - keep * keep);
  const unit = { east: gaussian(random), north: gaussian(random) };
  return (sigmaM) => {
    unit.east = unit.east * keep + gaussian(random) * spread;
    unit.north = unit.north * keep + gaussian(random) * spread;
    return { east: unit.east * sigmaM, north: unit.north * sigmaM };
  };
}
