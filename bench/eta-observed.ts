import { compileStreets } from "#simulator/delivery/index.ts";
import { loadGothenburg } from "#simulator/roads/network.ts";
import { type EtaScore, HORIZON_BANDS, horizonBandOf, scoreEtas } from "#stream/eta/score-etas.ts";
import { type DaysResult, runDays } from "./eta-days.ts";
import { printGoal, printTable } from "./measure.ts";

/**
 * The same delivery days twice: with true arrivals and ways, as `eta-calibration` has them, and as the service observes them,
 * from fixes of a receiver in streets (10 m of lasting error, silent now and then) through smoothing, matching, geofences,
 * visits and the fold of routes. Each learns from what it observed itself. `node bench/eta-observed.ts SEED VEHICLES`.
 */

const SEED = Number(process.argv[2] ?? 11);
const VEHICLES = Number(process.argv[3] ?? 8);
const START_MS = Date.UTC(2026, 8, 7);
/** By how much the observed may differ from the true: coverage, share of the MAE against straight lines, visits not told of. */
const COVERAGE_TOLERANCE = 0.03;
const RATIO_TOLERANCE = 0.05;
const UNTOLD_MAX = 0.005;

const roads = await compileStreets(loadGothenburg());
const days = {
  ...{ seed: SEED, vehicles: VEHICLES, startMs: START_MS, days: 14, stopsMin: 20, stopsMax: 120 },
  ...{ roads, scoredFromDay: 7, warningRules: [] },
};
const runs = [
  { name: "true arrivals and ways", result: runDays(days) },
  { name: "observed", result: runDays({ ...days, staged: true }) },
].map((run) => ({ ...run, ...summaryOf(run.result) }));

printTable(
  "ETAs by true and by observed arrivals",
  runs.map(({ name, result, score, ratio }) => ({
    ...{
      run: name,
      visits: result.visits,
      "unseen in silence": result.unheard,
      "seen to be reached": result.stops,
      ETAs: score.etas,
    },
    ...{ "arrived by P90": score.coverageP90.value, "within P10 to P90": score.coverageP10ToP90.value },
    ...{ "MAE, s": score.maeS.value, "of straight lines'": ratio },
  })),
);
printTable(
  "P90 coverage by horizon",
  HORIZON_BANDS.map((band) => {
    const coverage = ({ etas }: DaysResult) =>
      scoreEtas(etas.filter((eta) => horizonBandOf(eta) === band)).coverageP90.value;
    return { minutes: band.name, true: coverage(runs[0]!.result), observed: coverage(runs[1]!.result) };
  }),
);

const [truth, observed] = runs as [(typeof runs)[0], (typeof runs)[0]];
const { visits, stops, unheard } = observed.result;
printGoal("at least 2,000 stops scored", stops, stops >= 2_000);
const untold = (visits - stops - unheard) / visits;
printGoal("share of visits not told of, beside those in silence", untold, untold <= UNTOLD_MAX);
const coverage = observed.score.coverageP90.value;
printGoal("P90 coverage 0.90 ± 0.03 as observed", coverage, Math.abs(coverage - 0.9) <= 0.03);
const apart = Math.abs(coverage - truth.score.coverageP90.value);
printGoal(`P90 coverage as with true arrivals, ± ${COVERAGE_TOLERANCE}`, apart, apart <= COVERAGE_TOLERANCE);
const worse = observed.ratio - truth.ratio;
printGoal(`MAE against straight lines at most ${RATIO_TOLERANCE} worse`, worse, worse <= RATIO_TOLERANCE);

function summaryOf({ etas }: DaysResult): { score: EtaScore; ratio: number } {
  const score = scoreEtas(etas);
  const straightS = etas.reduce((sum, eta) => sum + Math.abs(eta.arrivedMs - eta.straightMs) / 1000, 0) / etas.length;
  return { score, ratio: score.maeS.value / straightS };
}
