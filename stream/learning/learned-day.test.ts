import type pg from "pg";
import pino from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type DeliveryFixture, dayOf, openDeliveryFixture } from "../delivery/delivery-fixture.ts";
import { DeliveryRounds } from "../delivery/delivery-round.ts";
import { Estimators } from "../delivery/estimators.ts";
import { START_MS } from "../stream-fixture.ts";
import { learnDays, openEtaLearning } from "./learning-loop.ts";

/**
 * From fixes to what later ETAs rest on: a van drives a route whose plan allows half a minute a stop and takes two minutes
 * at each; the day is learned from once it is over, and the next route is told of with what it taught.
 */

const PLACES = [2_000, 3_500, 5_000, 7_000, 8_500];
const PLANNED_S = 30;
const SETTLED_S = 27 * 3_600;
let fixture: DeliveryFixture;
let client: pg.Client;

beforeEach(async () => {
  fixture = await openDeliveryFixture();
  client = await fixture.connect();
});

afterEach(async () => {
  await client?.end();
  await fixture?.close();
});

async function fold(estimators: Estimators, second: number): Promise<void> {
  const rounds = new DeliveryRounds(client, { now: () => START_MS + second * 1000, estimators });
  await rounds.look();
  await rounds.round();
}

/** Runs the service's own learning until it has made a model. */
async function learnAt(second: number): Promise<void> {
  const learning = openEtaLearning({
    ...{ databaseUrl: fixture.url, roads: null, now: () => START_MS + second * 1000, log: pino({ level: "silent" }) },
  });
  await fixture.until(async () => (await fixture.rows("select from eta_model")).length > 0);
  await learning.close();
}

/** Seconds from the first to the last expected arrival of a route that was not begun, and the model that said so. */
async function expected(routeId: string): Promise<{ spanS: number; modelVersion: number }> {
  const [row] = await fixture.rows<{ spanS: number; modelVersion: number }>(
    `select extract(epoch from max(p50) - min(p50))::float8 as "spanS", max(model_version) as "modelVersion"
     from (select distinct on (stop_id) * from eta where route_id = $1 order by stop_id, eta_id desc) newest`,
    [routeId],
  );
  return row!;
}

test("a day of fixes makes a model, once, over restarts too, and the fold of routes takes it up", async () => {
  const estimators = new Estimators(null);
  const routeId = await fixture.addRoute("day", PLACES, { serviceS: PLANNED_S });
  await fold(estimators, -1_800);
  const before = await expected(routeId);
  expect(before.modelVersion).toBe(0);
  await fixture.send(fixture.tracker, dayOf(PLACES));
  await fixture.foldAll();
  await fold(estimators, 2_000);
  await learnAt(SETTLED_S);
  const [learned] = await fixture.rows<{ learnedUntil: Date; model: { services: { drivers: object } } }>(
    `select learned_until as "learnedUntil", model from eta_model`,
  );
  expect(learned!.learnedUntil).toEqual(new Date(START_MS + 86_400_000));
  expect(Object.keys(learned!.model.services.drivers)).toEqual([`v${fixture.vehicleId}`]);
  const next = await fixture.addRoute("next", PLACES, { serviceS: PLANNED_S });
  await fold(estimators, -1_800);
  expect((await expected(next)).modelVersion).toBe(1);
  // A process that starts anew finds the day learned and the model there.
  expect(await learnDays(client, null, START_MS + (SETTLED_S + 600) * 1000)).toBe(0);
  const again = await fixture.addRoute("again", PLACES, { serviceS: PLANNED_S });
  await fold(new Estimators(null), -1_800);
  const after = await expected(again);
  expect(after.modelVersion).toBe(1);
  // The same route, with services that are known to take longer than planned; neither process knows of traffic.
  expect(after.spanS).toBeGreaterThan(before.spanS + 2 * PLANNED_S);
}, 240_000);
