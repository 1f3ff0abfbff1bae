import { compileStreets } from "#simulator/delivery/index.ts";
import { loadGothenburg } from "#simulator/roads/network.ts";
import { AT_RISK } from "#stream/eta/eta-changes.ts";
import { type Estimate, HORIZON_BANDS, horizonBandOf, scoreEtas } from "#stream/eta/score-etas.ts";
import { runDays } from "./eta-days.ts";
import type { IssuedEta, Warning, WarningRule } from "./eta-route.ts";
import { median, printGoal, printTable } from "./measure.ts";

/**
 * ETA calibration on simulated delivery days: a week teaches, the next is scored. Every ETA issued is held against the
 * observed arrival; the horizon is what remained of it when it was issued. Beside it, for the same stops at the same moments:
 * the morning's static schedule, that schedule moved by the delay so far, and straight lines at the speed from stop to stop
 * that the fleet made the day before, with the planned services and window openings.
 */

const SEED = Number(process.argv[2] ?? 11);
const VEHICLES = 8;
/** A Monday. */
const START_MS = Date.UTC(2026, 8, 7);
const TRAINING_DAYS = 7;
const DAYS = 14;
const MINUTE_MS = 60_000;
const ANY_TIME_MS = Number.POSITIVE_INFINITY;
/** The first is the service's own. */
const WARNING_RULES: readonly WarningRule[] = [
  { ...AT_RISK, withinMs: ANY_TIME_MS },
  { fromShare: 0.5, lastsMs: 0, untilShare: 0.3, withinMs: ANY_TIME_MS },
  { fromShare: 0.5, lastsMs: 10 * MINUTE_MS, untilShare: 0.3, withinMs: ANY_TIME_MS },
  { fromShare: 0.8, lastsMs: 0, untilShare: 0.5, withinMs: ANY_TIME_MS },
  { fromShare: 0.8, lastsMs: 5 * MINUTE_MS, untilShare: 0.5, withinMs: ANY_TIME_MS },
  { fromShare: 0.9, lastsMs: 0, untilShare: 0.5, withinMs: ANY_TIME_MS },
];

const roads = await compileStreets(loadGothenburg());
const { etas, warnings, stops, lateStops, computed, cpuS } = runDays({
  ...{ seed: SEED, vehicles: VEHICLES, startMs: START_MS, days: DAYS, stopsMin: 20, stopsMax: 120 },
  ...{ roads, scoredFromDay: TRAINING_DAYS, warningRules: WARNING_RULES },
});

const bands = [
  { name: "all", etas },
  ...HORIZON_BANDS.map((band) => ({
    name: `${band.name} min`,
    etas: etas.filter((eta) => horizonBandOf(eta) === band),
  })),
];
const scores = bands.map((band) => ({ ...band, score: scoreEtas(band.etas) }));
printTable(
  `ETAs of ${stops} stops, ${lateStops} of them late; intervals of 95 % over routes`,
  scores.map(({ name, score }) => ({
    horizon: name,
    ETAs: score.etas,
    "arrived by P90": interval(score.coverageP90, 3),
    "within P10 to P90": interval(score.coverageP10ToP90, 3),
    "by P50": interval(score.coverageP50, 3),
    "bias, s": interval(score.biasS, 0),
    "MAE, s": interval(score.maeS, 0),
  })),
);
printTable(
  "Mean absolute error (s) beside other estimates of the same arrivals",
  scores.map(({ name, etas: some, score }) => {
    const [schedule, moved, straight] = [
      maeS(some, "scheduledMs"),
      maeS(some, "movedScheduleMs"),
      maeS(some, "straightMs"),
    ];
    const ours = score.maeS.value;
    return {
      ...{ horizon: name, ours, "static schedule": schedule, ratio: ours / schedule },
      ...{ "schedule moved by the delay": moved, "ratio ": ours / moved },
      ...{ "straight lines": straight, "ratio  ": ours / straight },
    };
  }),
);
printTable(
  "stop.at_risk by rule: every event counts; the first rule is the service's",
  WARNING_RULES.map((rule, n) => warningRow(rule, warnings[n]!)),
);
const told = warnings[0]!;
const precision = told.filter(({ arrivedMs, dueMs }) => arrivedMs > dueMs).length / told.length;
printTable("Cost", [{ "ETAs computed": computed, "µs each, simulation's share included": (cpuS * 1e6) / computed }]);

printGoal("at least 2,000 stops scored", stops, stops >= 2_000);
for (const { name, score } of scores) {
  const tolerance = name === "all" ? 0.03 : 0.06;
  if (name === "180+ min") continue;
  const { value } = score.coverageP90;
  printGoal(`P90 coverage 0.90 ± ${tolerance}, ${name}`, value, Math.abs(value - 0.9) <= tolerance);
}
const ours = scores[0]!.score.maeS.value;
const againstSchedule = ours / maeS(etas, "scheduledMs");
const againstStraight = ours / maeS(etas, "straightMs");
printGoal("MAE at least 30 % below the static schedule: ratio", againstSchedule, againstSchedule <= 0.7);
printGoal("MAE at least 30 % below straight lines: ratio", againstStraight, againstStraight <= 0.7);
printGoal("stop.at_risk events whose stop was late, at least 0.8", precision, precision >= 0.8);

function warningRow({ fromShare, lastsMs, untilShare, withinMs }: WarningRule, some: readonly Warning[]) {
  const right = some.filter(({ arrivedMs, dueMs }) => arrivedMs > dueMs);
  const early = (leadMs: number): number =>
    new Set(right.filter(({ atMs, dueMs }) => dueMs - atMs >= leadMs).map(({ stopId }) => stopId)).size / lateStops;
  return {
    ...{ "P(late) ≥": fromShare, "for, min": lastsMs / MINUTE_MS, "until <": untilShare },
    "of stops within": Number.isFinite(withinMs) ? `${withinMs / MINUTE_MS} min` : "any time",
    ...{ events: some.length, precision: right.length / some.length },
    ...{ "late stops told of before the promise was over": early(0), "15 min before": early(15 * MINUTE_MS) },
    "lead, min, median": median(right.map(({ dueMs, atMs }) => (dueMs - atMs) / MINUTE_MS)),
  };
}

function maeS(some: readonly IssuedEta[], of: "scheduledMs" | "movedScheduleMs" | "straightMs"): number {
  return some.reduce((sum, eta) => sum + Math.abs(eta.arrivedMs - eta[of]) / 1000, 0) / some.length;
}

function interval({ value, low, high }: Estimate, digits: number): string {
  const text = value.toFixed(digits);
  return low === null || high === null ? text : `${text} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}
