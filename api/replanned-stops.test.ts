import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sendPod } from "./pod/test-forms.ts";
import { openTestApi, type TestApi } from "./testing.ts";

/** Stops whose delivery failed, and that are planned again. */

const HOUR_MS = 3_600_000;

let api: TestApi;
let admin: string;

beforeAll(async () => {
  api = await openTestApi();
  admin = await api.key();
});

afterAll(() => api?.close());

type Call = [method: "GET" | "POST" | "PUT" | "PATCH", url: string, body?: object];

async function call(...[method, url, body]: Call) {
  const answer = await api.call(admin, method, url, body);
  expect(answer.statusCode, answer.body).toBeLessThan(300);
  return answer.json();
}

/** A route of two stops; gives its id and theirs. */
async function planned(): Promise<{ id: string; stops: string[] }> {
  const stop = { lat: 41.15, lon: -8.61, windowEnd: "2026-11-22T18:00:00Z" };
  const route = await call("POST", "/v1/routes", { stops: [stop, stop] });
  return { id: route.id, stops: route.stops.map(({ id }: { id: string }) => id) };
}

/** Hands in a proof of what happened `agoMs` ago by the phone's clock, which is an hour wrong. */
async function handIn(stopId: string, outcome: "failed" | "delivered", agoMs = 0): Promise<void> {
  // Plans are dated by the database, which counts finer than milliseconds.
  await sleep(5);
  api.clock.nowMs = Date.now();
  const byPhone = (timeMs: number) => new Date(timeMs - HOUR_MS).toISOString();
  const answer = await sendPod(api, admin, stopId, [
    ["outcome", outcome],
    ...(outcome === "failed" ? ([["reason", "nobody there"]] as const) : []),
    ["deviceTime", byPhone(api.clock.nowMs - agoMs)],
    ["sentAt", byPhone(api.clock.nowMs)],
  ]);
  expect(answer.statusCode, answer.body).toBe(201);
  await sleep(5);
}

const statusOf = async (stopId: string) => (await call("GET", `/v1/stops/${stopId}`)).status;

test("a stop that failed is expected again once another route has it, and its link with it", async () => {
  const [today, tomorrow] = [await planned(), await planned()];
  const [stopId = "", other = ""] = today.stops;
  const { token } = await call("POST", `/v1/stops/${stopId}/links`, {});
  const tracked = async () => (await api.app.inject(`/v1/track/${token}`)).json().status;
  await handIn(stopId, "failed");
  expect([await statusOf(stopId), await tracked()]).toEqual(["failed", "failed"]);

  await call("PUT", `/v1/routes/${today.id}/stops/order`, { stops: [other, stopId] });
  await call("PATCH", `/v1/stops/${stopId}`, { notes: "rang twice" });
  expect(await statusOf(stopId)).toBe("failed");

  const moved = await call("POST", `/v1/routes/${tomorrow.id}/stops`, { id: stopId });
  const line = moved.stops.map((stop: { id: string; status: string }) => [stop.id, stop.status]);
  expect(line).toContainEqual([stopId, "planned"]);
  expect([await statusOf(stopId), await tracked()]).toEqual(["planned", "planned"]);
  const plans = await api.database.pool.query(
    "select plan from route_version where route_id = $1 order by version desc limit 1",
    [tomorrow.id],
  );
  const failures = plans.rows[0].plan.stops.map((stop: { failedAtMs: number | null }) => stop.failedAtMs);
  expect(failures).toEqual([null, null, expect.any(Number)]);
});

test("a failure that a phone kept for long is of the attempt before, a new one counts", async () => {
  const [today, tomorrow] = [await planned(), await planned()];
  const stopId = today.stops[0]!;
  await call("POST", `/v1/routes/${tomorrow.id}/stops`, { id: stopId });
  await handIn(stopId, "failed", HOUR_MS);
  expect(await statusOf(stopId)).toBe("planned");
  await handIn(stopId, "failed");
  expect(await statusOf(stopId)).toBe("failed");
});

test("a later window is another try; what was delivered stays delivered", async () => {
  const { stops } = await planned();
  const stopId = stops[0]!;
  await handIn(stopId, "failed");
  await call("PATCH", `/v1/stops/${stopId}`, { windowEnd: "2026-11-22T17:00:00Z" });
  expect(await statusOf(stopId)).toBe("failed");
  await call("PATCH", `/v1/stops/${stopId}`, { windowEnd: "2026-11-22T19:00:00Z" });
  expect(await statusOf(stopId)).toBe("planned");
  await handIn(stopId, "delivered");
  await call("PATCH", `/v1/stops/${stopId}`, { windowEnd: "2026-11-22T20:00:00Z" });
  expect(await statusOf(stopId)).toBe("delivered");
});
