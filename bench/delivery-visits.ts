import { scoreStops } from "#stream/delivery/score-stops.ts";
import { printGoal, printTable } from "./measure.ts";

/**
 * Stop visits under 15 m of street noise, with interrupted uploads, drivers who change the order and a process that is killed
 * now and then: what is told of each. `node bench/delivery-visits.ts VEHICLES SEED` for other sizes (15 visits each) and days.
 */

const VEHICLES = Number(process.argv[2] ?? 70);
const VISITS_EACH = 15;
const SEED = Number(process.argv[3] ?? 2026);

const score = scoreStops(SEED, VEHICLES, VISITS_EACH);
const errorsS = score.arrivalErrorsMs.toSorted((a, b) => a - b).map((ms) => ms / 1000);
const quantile = (share: number) => errorsS[Math.min(errorsS.length - 1, Math.floor(share * errorsS.length))] ?? 0;
printTable("Visits of stops, and what is told of them", [
  {
    ...{
      visits: score.visits,
      "told once": score.once,
      missing: score.missing,
      "of them unseen": score.unseen,
      repeated: score.repeated,
    },
    ...{ "false arrivals": score.falseArrivals, "late told as live": score.lateAsLive },
  },
]);
printTable("Conditions", [
  {
    ...{ fixes: score.fixes, "late fixes, %": (100 * score.lateFixes) / score.fixes, kills: score.kills },
    ...{ "told as history": score.replayed, successors: score.superseding, "of all told": score.told },
  },
]);
printTable("Error of the time of arrival, s", [{ p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) }]);
const seen = score.visits - score.unseen;
printGoal("visits that geofences saw with one arrival and one departure", score.once / seen, score.once === seen);
printGoal("arrivals told of where nobody stayed", score.falseArrivals, score.falseArrivals === 0);
printGoal("history told as news", score.lateAsLive, score.lateAsLive === 0);
printGoal("told otherwise after kills (0: the same)", score.sameAfterKills ? 0 : 1, score.sameAfterKills);
