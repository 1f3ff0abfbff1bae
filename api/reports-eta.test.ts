import { afterAll, beforeAll, expect, it } from "vitest";
import { insertEtas, type NewEta } from "#store/eta-writes.ts";
import { inTransaction } from "#store/transaction.ts";
import { openTestApi, type TestApi } from "./testing.ts";

/**
 * One stop, reached at 10:00 UTC on 20 November, and its ETAs (times of day, UTC):
 *
 *     computed  P10    P50    P90    horizon  error of P50   by P90  P10 to P90
 *     09:00     09:40  09:50  10:05  15-60    +10 min        yes     yes
 *     09:30     09:48  09:55  09:58  15-60    +5 min         no      no
 *     09:55     10:01  10:02  10:04  0-15     −2 min         yes     no
 *
 * An ETA computed after the arrival, one of a stop that was not reached and one of another fleet are left out.
 */

let api: TestApi;
let secret: string;
let otherSecret: string;

const at = (text: string): number => Date.parse(`2026-11-20T${text}:00Z`);

beforeAll(async () => {
  api = await openTestApi();
  const [fleetId, otherFleetId] = [await api.fleet(), await api.fleet()];
  secret = await api.key({ fleetId, scopes: ["routes:read"] });
  otherSecret = await api.key({ fleetId: otherFleetId, scopes: ["routes:read"] });
  const { pool } = api.database;
  const idOf = async (text: string, values: unknown[]): Promise<string> => (await pool.query(text, values)).rows[0].id;
  const stopOf = async (fleet: number, arrivedAt: string | null): Promise<{ routeId: string; stopId: string }> => {
    const routeId = await idOf("insert into route (fleet_id, version) values ($1, 1) returning route_id as id", [
      fleet,
    ]);
    const stopId = await idOf(
      "insert into stop (fleet_id, route_id, lat_deg, lon_deg) values ($1, $2, 57.705, 11.97) returning stop_id as id",
      [fleet, routeId],
    );
    await pool.query("insert into stop_state (stop_id, route_id, status, arrived_at) values ($1, $2, 'arrived', $3)", [
      ...[stopId, routeId, arrivedAt],
    ]);
    return { routeId, stopId };
  };
  const eta = (
    fleet: number,
    of: { routeId: string; stopId: string },
    [computed, p10, p50, p90]: [string, string, string, string],
  ): NewEta => ({
    ...{ fleetId: fleet, ...of, computedMs: at(computed), p10Ms: at(p10), p50Ms: at(p50), p90Ms: at(p90) },
    ...{ basis: "live", reason: "position", told: false, expectedMs: at(p50), spreadS: 60, restShare: 0, restS: 0 },
    ...{ bucket: "live/before/2/midday", traffic: 1, modelVersion: 0 },
  });
  const reached = await stopOf(fleetId, "2026-11-20T10:00Z");
  const notReached = await stopOf(fleetId, null);
  const elsewhere = await stopOf(otherFleetId, "2026-11-20T10:00Z");
  await inTransaction(api.database, (_, client) =>
    insertEtas(client, [
      eta(fleetId, reached, ["09:00", "09:40", "09:50", "10:05"]),
      eta(fleetId, reached, ["09:30", "09:48", "09:55", "09:58"]),
      eta(fleetId, reached, ["09:55", "10:01", "10:02", "10:04"]),
      eta(fleetId, reached, ["10:01", "10:01", "10:02", "10:04"]),
      eta(fleetId, notReached, ["09:00", "09:40", "09:50", "10:05"]),
      eta(otherFleetId, elsewhere, ["09:00", "09:40", "09:50", "09:55"]),
    ]),
  );
});

afterAll(() => api.close());

const report = async (query: string, key = secret) => {
  const answer = await api.call(key, "GET", `/v1/reports/eta-accuracy?${query}`);
  expect(answer.statusCode).toBe(200);
  return answer;
};

it("scores every ETA against the observed arrival, by horizon at issue", async () => {
  const { data } = (await report("from=2026-11-20&to=2026-11-20")).json();
  const one = (value: number) => ({ value, low: null, high: null });
  const seen = { lat: null, lon: null, stops: 1, routes: 1 };
  expect(data).toEqual([
    {
      ...{ group: "0-15", fromMinutes: 0, toMinutes: 15, ...seen, etas: 1, coverageP90: one(1) },
      ...{ coverageP10ToP90: one(0), coverageP50: one(1), biasS: one(-120), maeS: one(120) },
    },
    {
      ...{ group: "15-60", fromMinutes: 15, toMinutes: 60, ...seen, etas: 2, coverageP90: one(0.5) },
      ...{ coverageP10ToP90: one(0.5), coverageP50: one(0), biasS: one(450), maeS: one(450) },
    },
  ]);
});

it("groups by day, by basis, by area and not at all", async () => {
  const groupsOf = async (groupBy: string) =>
    (await report(`from=2026-11-20&to=2026-11-20&groupBy=${groupBy}`)).json().data;
  expect(await groupsOf("none")).toMatchObject([{ group: "", etas: 3, maeS: { value: 340 } }]);
  expect(await groupsOf("day")).toMatchObject([{ group: "2026-11-20", etas: 3 }]);
  expect(await groupsOf("basis")).toMatchObject([{ group: "live", etas: 3 }]);
  expect(await groupsOf("area")).toMatchObject([{ lat: expect.closeTo(57.705), lon: expect.closeTo(11.97), etas: 3 }]);
});

it("gives the same report from the same rows, and the same numbers as CSV", async () => {
  const query = "from=2026-11-20&to=2026-11-20";
  expect((await report(query)).body).toBe((await report(query)).body);
  const csv = await report(`${query}&format=csv`);
  expect(csv.headers["content-type"]).toContain("text/csv");
  const [head, first] = csv.body.split("\n");
  expect(head).toBe(
    "group,fromMinutes,toMinutes,lat,lon,etas,stops,routes,coverageP90.value,coverageP90.low,coverageP90.high," +
      "coverageP10ToP90.value,coverageP10ToP90.low,coverageP10ToP90.high,coverageP50.value,coverageP50.low," +
      "coverageP50.high,biasS.value,biasS.low,biasS.high,maeS.value,maeS.low,maeS.high",
  );
  expect(first).toBe("0-15,0,15,,,1,1,1,1,,,0,,,1,,,-120,,,120,,");
});

it("sees the arrivals of the asked days and of the key's fleet only", async () => {
  expect((await report("from=2026-11-21&to=2026-11-22")).json().data).toEqual([]);
  const { data } = (await report("from=2026-11-20&to=2026-11-20", otherSecret)).json();
  expect(data).toMatchObject([{ etas: 1, coverageP90: { value: 0 } }]);
});

it("refuses days in the wrong order", async () => {
  const answer = await api.call(secret, "GET", "/v1/reports/eta-accuracy?from=2026-11-20&to=2026-11-19");
  expect(answer.statusCode).toBe(400);
});
