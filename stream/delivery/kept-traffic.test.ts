import { afterEach, beforeEach, expect, test } from "vitest";
import { areaOf } from "../eta/area.ts";
import { START_MS } from "../stream-fixture.ts";
import { type DeliveryFixture, dayOf, openDeliveryFixture } from "./delivery-fixture.ts";
import { DeliveryRounds } from "./delivery-round.ts";
import { Estimators } from "./estimators.ts";
import { up } from "./route-fixture.ts";

let fixture: DeliveryFixture;
const PLACES = [2_000, 3_500, 5_000, 7_000, 8_500];
const CHECKED_S = 500;

beforeEach(async () => {
  fixture = await openDeliveryFixture();
});

afterEach(async () => {
  await fixture?.close();
});

/** A process: rounds of its own over what is stored. */
async function start(estimators: Estimators) {
  const client = await fixture.connect();
  let nowMs = 0;
  const rounds = new DeliveryRounds(client, { now: () => nowMs, estimators });
  const fold = async (second: number): Promise<void> => {
    nowMs = START_MS + second * 1000;
    await rounds.look();
    await rounds.round();
  };
  return { fold, end: () => client.end() };
}

/** What a process that starts now knows of the traffic. */
async function factorsAfterStart(second: number): Promise<number[]> {
  const estimators = new Estimators(null);
  const { fold, end } = await start(estimators);
  await fold(second);
  await end();
  return factors(estimators);
}

/** What the drive along the street says of the traffic on it. */
const factors = (estimators: Estimators): number[] =>
  [500, 2_500, 6_000].map((metres) => {
    const { latDeg, lonDeg } = up(metres);
    return estimators.find(1)!.traffic.factor(areaOf(latDeg, lonDeg), START_MS + CHECKED_S * 1000, 0);
  });

async function drive(fromS: number, toS: number): Promise<void> {
  const reports = dayOf(PLACES).filter(
    ({ timeMs }) => timeMs! >= START_MS + fromS * 1000 && timeMs! < START_MS + toS * 1000,
  );
  await fixture.send(fixture.tracker, reports);
  await fixture.foldAll();
}

test("traffic outlives a restart, every drive counted once, and is made again from nothing", async () => {
  await fixture.addRoute("day", PLACES);
  const estimators = new Estimators(null);
  const { fold, end } = await start(estimators);
  await fold(-1_800);
  await drive(0, 470);
  await fold(470);
  const early = factors(estimators);
  expect(early[0]).toBeLessThan(0.95);
  expect(await factorsAfterStart(471)).toEqual(nearly(early));
  // Between two stops, soon after the state was stored: what comes of it is written, the state is not.
  for (let second = 470; second < 520; second += 10) {
    await drive(second, second + 10);
    await fold(second + 10);
  }
  const later = factors(estimators);
  await end();
  expect(later).not.toEqual(nearly(early));
  expect(await factorsAfterStart(521)).toEqual(nearly(later));
  expect(await factorsAfterStart(522)).toEqual(nearly(later));
  await fixture.forget();
  expect(await factorsAfterStart(523)).toEqual(nearly(later));
});

const nearly = (some: readonly number[]) => some.map((factor) => expect.closeTo(factor, 9));
