import { afterAll, beforeAll, expect, it } from "vitest";
import { openTestApi, type TestApi } from "./testing.ts";

/**
 * Two days of a fleet in Stockholm (one hour ahead of UTC), counted by hand:
 *
 *     stop  driver  window ends  promised  arrived        proof              day  on time  kept  first  served  views
 *     s1    Ada     10:00        10:00     09:50          delivered          20   yes      yes   yes    yes     1 + 2
 *     s2    Ada     11:00        11:30     11:05          failed, delivered  20   no       yes   no     yes
 *     s3    Ada                            23:30 of 20th                     21                         yes
 *     s4    Bo      12:00        12:00     missed                            20   no       no    no     no      0
 *     s5    Bo      14:00                  not observed   delivered 13:00    20                  yes    yes
 *
 * A depot, a stop that was removed, one that has not come to its end and one of a cancelled route are left out.
 */

let api: TestApi;
let secret: string;

beforeAll(async () => {
  api = await openTestApi();
  const fleetId = await api.fleet();
  secret = await api.key({ fleetId, scopes: ["routes:read"] });
  const { pool } = api.database;
  await pool.query("update fleet set time_zone = 'Europe/Stockholm' where fleet_id = $1", [fleetId]);
  const idOf = async (text: string, values: unknown[]): Promise<string> => (await pool.query(text, values)).rows[0].id;
  const routeOf = async (name: string, status = "planned") => {
    const driver = await idOf("insert into driver (fleet_id, given_name) values ($1, $2) returning driver_id as id", [
      fleetId,
      name,
    ]);
    const text = `insert into route (fleet_id, version, driver_id, status, starts_at)
      values ($1, 1, $2, $3, '2026-11-20T07:00Z') returning route_id as id`;
    return idOf(text, [fleetId, driver, status]);
  };
  type StopFacts = { windowEnd?: string; promisedBy?: string; kind?: string; status?: string };
  const stopOf = (routeId: string, { windowEnd, promisedBy, kind, status }: StopFacts) =>
    idOf(
      `insert into stop (fleet_id, route_id, kind, status, lat_deg, lon_deg, window_end, promised_by)
       values ($1, $2, $3, $4, 57.7, 11.9, $5, $6) returning stop_id as id`,
      [fleetId, routeId, kind ?? "delivery", status ?? "planned", windowEnd ?? null, promisedBy ?? null],
    );
  const observe = (routeId: string, stopId: string, status: string, arrivedAt: string | null) =>
    pool.query("insert into stop_state (stop_id, route_id, status, arrived_at) values ($1, $2, $3, $4)", [
      stopId,
      routeId,
      status,
      arrivedAt,
    ]);
  const prove = (stopId: string, outcome: string, at: string) =>
    pool.query(
      `insert into pod (fleet_id, stop_id, content_hash, outcome, device_time, received_at, sealed, commit_xid)
       values ($1, $2, '', $3, $4, $4, '', 1)`,
      [fleetId, stopId, outcome, at],
    );
  const link = (stopId: string, views: number) =>
    pool.query(
      `insert into tracking_link (fleet_id, stop_id, token_hash, expires_at, views)
       values ($1, $2, sha256(random()::text::bytea), '2026-11-25Z', $3)`,
      [fleetId, stopId, views],
    );

  const ada = await routeOf("Ada");
  const bo = await routeOf("Bo");
  const s1 = await stopOf(ada, { windowEnd: "2026-11-20T10:00Z", promisedBy: "2026-11-20T10:00Z" });
  await observe(ada, s1, "departed", "2026-11-20T09:50Z");
  await prove(s1, "delivered", "2026-11-20T09:52Z");
  await link(s1, 1);
  await link(s1, 2);
  const s2 = await stopOf(ada, { windowEnd: "2026-11-20T11:00Z", promisedBy: "2026-11-20T11:30Z" });
  await observe(ada, s2, "departed", "2026-11-20T11:05Z");
  await prove(s2, "failed", "2026-11-20T11:06Z");
  await prove(s2, "delivered", "2026-11-20T15:00Z");
  await observe(ada, await stopOf(ada, {}), "arrived", "2026-11-20T23:30Z");
  const s4 = await stopOf(bo, { windowEnd: "2026-11-20T12:00Z", promisedBy: "2026-11-20T12:00Z" });
  await observe(bo, s4, "missed", null);
  await link(s4, 0);
  await prove(await stopOf(bo, { windowEnd: "2026-11-20T14:00Z" }), "delivered", "2026-11-20T13:00Z");

  await observe(bo, await stopOf(bo, { kind: "depot" }), "arrived", "2026-11-20T08:00Z");
  await observe(bo, await stopOf(bo, { status: "removed" }), "arrived", "2026-11-20T09:00Z");
  await observe(bo, await stopOf(bo, { windowEnd: "2026-11-20T16:00Z" }), "en_route", null);
  const cancelled = await routeOf("Cy", "cancelled");
  await observe(cancelled, await stopOf(cancelled, {}), "arrived", "2026-11-20T09:00Z");
});
afterAll(() => api.close());

const ask = async (query: string, key = secret) => api.call(key, "GET", `/v1/reports/kpis?${query}`);

it("counts what was worked out by hand", async () => {
  const { data } = (await ask("from=2026-11-20&to=2026-11-21")).json();
  expect(data).toEqual([
    {
      group: null,
      stops: 5,
      served: 4,
      onTimeRate: 0.3333,
      withWindow: 3,
      slaAdherence: 0.6667,
      withPromise: 3,
      firstAttemptRate: 0.5,
      attempted: 4,
      stopsPerDriverDay: 1.3333,
      driverDays: 3,
      linkViewsPerStop: 1.5,
      withLink: 2,
    },
  ]);
});

it("begins a day at midnight of the fleet's time zone", async () => {
  const { data } = (await ask("from=2026-11-20&to=2026-11-21&groupBy=day")).json();
  expect(data.map(({ group, stops }: { group: string; stops: number }) => [group, stops])).toEqual([
    ["2026-11-20", 4],
    ["2026-11-21", 1],
  ]);
  expect((await ask("from=2026-11-20&to=2026-11-20")).json().data[0].stops).toBe(4);
});

it("splits by driver and gives the same as a file", async () => {
  const { data } = (await ask("from=2026-11-20&to=2026-11-21&groupBy=driver")).json();
  expect(data.map(({ stops, stopsPerDriverDay }: Record<string, number>) => [stops, stopsPerDriverDay])).toEqual([
    [3, 1.5],
    [2, 1],
  ]);
  const file = await ask("from=2026-11-20&to=2026-11-21&groupBy=driver&format=csv");
  expect(file.headers["content-type"]).toContain("text/csv");
  const [head, first, second, end] = file.body.split("\n");
  expect(head).toContain("group,stops,served,onTimeRate");
  expect(first).toBe(`${data[0].group},3,3,0.5,2,1,2,0.5,2,1.5,2,3,1`);
  expect(second?.split(",").slice(1, 4)).toEqual(["2", "1", "0"]);
  expect(end).toBe("");
});

it("shows another fleet nothing, and refuses days that are none", async () => {
  const other = await api.key({ fleetId: await api.fleet(), scopes: ["routes:read"] });
  expect((await ask("from=2026-11-20&to=2026-11-21", other)).json().data).toEqual([]);
  for (const query of [
    "from=2026-11-21&to=2026-11-20",
    "from=2024-01-01&to=2026-01-01",
    "from=2026-02-30&to=2026-03-01",
  ])
    expect((await ask(query)).statusCode).toBe(400);
});
