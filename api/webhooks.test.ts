import { afterAll, beforeAll, expect, test } from "vitest";
import { insertEvents } from "#store/event-writes.ts";
import { inTransaction } from "#store/transaction.ts";
import { openTestApi, TEST_NOW_MS, type TestApi } from "./testing.ts";

let api: TestApi;
let secret: string;
let events = 0;

beforeAll(async () => {
  api = await openTestApi();
  secret = await api.key({ fleetId: 1, scopes: ["webhooks:read", "webhooks:write"] });
});

afterAll(() => api?.close());

const call = (method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: object) =>
  api.call(secret, method, `/v1/webhooks${path}`, body);

async function make(body: object = {}): Promise<string> {
  const answer = await call("POST", "", { url: "https://example.com/hook", ...body });
  expect(answer.statusCode).toBe(201);
  return answer.json().id;
}

const happen = (type: string, detectedAtMs: number) =>
  inTransaction(api.database, (_query, client) =>
    insertEvents(client, [
      {
        ...{ eventId: `e${++events}`, fleetId: 1, deviceId: null, type, occurredAtMs: detectedAtMs, detectedAtMs },
        ...{ replayed: false, supersedes: null, frameSeq: null, data: {} },
      },
    ]),
  );

test("a webhook tells its secret when it is made and when it is rotated, and never again", async () => {
  const answer = await call("POST", "", { url: "https://example.com/hook", events: ["stop.*"], description: "ours" });
  expect([answer.statusCode, answer.headers.location]).toEqual([201, `/v1/webhooks/${answer.json().id}`]);
  const { secret: first, ...shown } = answer.json();
  expect(first).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(shown).toMatchObject({
    url: "https://example.com/hook",
    events: ["stop.*"],
    enabled: true,
    failingSince: null,
  });
  expect((await call("GET", `/${shown.id}`)).json()).toEqual(shown);
  expect((await call("GET", "")).body).not.toContain("whsec_");
  const rotated = (await call("POST", `/${shown.id}/rotate-secret`, { overlapSeconds: 60 })).json();
  expect(rotated.secret).not.toBe(first);
  expect(rotated.previousSecretUntil).toBe(new Date(TEST_NOW_MS + 60_000).toISOString());
  expect((await call("DELETE", `/${shown.id}`)).statusCode).toBe(204);
  expect((await call("GET", `/${shown.id}`)).statusCode).toBe(404);
});

test.each([
  "http://example.com/",
  "https://127.0.0.1/",
  "https://user:pass@example.com/",
  "https://[fd00::1]/",
  "nonsense",
])("%s is refused as an endpoint, new or changed", async (url) => {
  const made = await call("POST", "", { url });
  expect([made.statusCode, made.json().code]).toEqual([422, "webhook_unfit"]);
  const id = await make();
  expect((await call("PATCH", `/${id}`, { url })).statusCode).toBe(422);
  expect((await call("GET", `/${id}`)).json().url).toBe("https://example.com/hook");
  await call("DELETE", `/${id}`);
});

test.each([
  ...[["stop"], ["Stop.arrived"], ["*"], ["stop.arr*"], ["stop.arrived "]],
  ...[["stop.arived"], ["stops.*"], ["pod.verdict.*"]],
])("a filter of %s is no filter", async (name) => {
  expect((await call("POST", "", { url: "https://example.com/", events: [name] })).statusCode).toBe(400);
});

test("a webhook is changed in part, disabled and enabled", async () => {
  const id = await make({ events: ["stop.arrived"], description: "d" });
  const renamed = (await call("PATCH", `/${id}`, { description: null })).json();
  expect(renamed).toMatchObject({ description: null, events: ["stop.arrived"] });
  expect((await call("PATCH", `/${id}`, { events: null })).json().events).toBeNull();
  const disabled = (await call("PATCH", `/${id}`, { enabled: false })).json();
  expect(disabled).toMatchObject({ enabled: false, disabledReason: "asked" });
  const resend = await call("POST", `/${id}/resend`, { from: "2026-01-01T00:00:00Z", to: "2027-01-01T00:00:00Z" });
  expect([resend.statusCode, resend.json().code]).toEqual([409, "webhook_disabled"]);
  expect((await call("POST", `/${id}/enable`)).json()).toMatchObject({ enabled: true, disabledReason: null });
  await call("DELETE", `/${id}`);
});

test("what was missed while disabled is asked for by its time, what was delivered only on demand", async () => {
  const id = await make({ events: ["stop.*"] });
  await happen("stop.arrived", TEST_NOW_MS);
  await call("PATCH", `/${id}`, { enabled: false });
  await happen("stop.departed", TEST_NOW_MS + 1_000);
  await happen("trip.started", TEST_NOW_MS + 1_000);
  await happen("stop.missed", TEST_NOW_MS + 9_000);
  await call("POST", `/${id}/enable`);
  const range = { from: new Date(TEST_NOW_MS).toISOString(), to: new Date(TEST_NOW_MS + 9_000).toISOString() };
  expect((await call("POST", `/${id}/resend`, range)).json()).toEqual({ queued: 2, has_more: false });
  const listed = (await call("GET", `/${id}/deliveries`)).json().data;
  expect(listed.map((row: { eventType: string; status: string }) => [row.eventType, row.status])).toEqual([
    ["stop.departed", "new"],
    ["stop.arrived", "new"],
  ]);
  await api.database.pool.query("update webhook_delivery set status = 'delivered', finished_at = now()");
  expect((await call("POST", `/${id}/resend`, range)).json().queued).toBe(0);
  expect((await call("POST", `/${id}/resend`, { ...range, include: "all" })).json().queued).toBe(2);
  await call("DELETE", `/${id}`);
});

test("the log shows every attempt, failures can be listed, and one is sent once more", async () => {
  const id = await make();
  for (const type of ["stop.arrived", "stop.departed"]) await happen(type, TEST_NOW_MS);
  const [dead, well] = (await call("GET", `/${id}/deliveries?limit=1`)).json().has_more
    ? (await call("GET", `/${id}/deliveries`)).json().data
    : [];
  await api.database.pool.query(
    `update webhook_delivery set status = case when delivery_id = $1 then 'dead' else 'delivered' end,
      failures = case when delivery_id = $1 then 10 else 0 end, attempts = 1, last_outcome = 'server_error', finished_at = now()`,
    [dead.id],
  );
  await api.database.pool.query(
    `insert into webhook_attempt (delivery_id, attempt, started_at, duration_ms, outcome, status, answer)
     values ($1, 1, now(), 12, 'server_error', 500, 'broken')`,
    [dead.id],
  );
  const failures = (await call("GET", `/${id}/deliveries?failed=true`)).json().data;
  expect(failures.map((row: { id: string }) => row.id)).toEqual([dead.id]);
  const shown = (await call("GET", `/${id}/deliveries/${dead.id}`)).json();
  expect(shown).toMatchObject({ status: "dead", log: [{ attempt: 1, status: 500, answer: "broken", durationMs: 12 }] });
  const resent = await call("POST", `/${id}/deliveries/${dead.id}/resend`);
  expect([resent.statusCode, resent.json().status]).toEqual([202, "new"]);
  expect(
    (await call("GET", `/${id}/deliveries?status=delivered`)).json().data.map((row: { id: string }) => row.id),
  ).toEqual([well.id]);
  const other = await make();
  expect((await call("GET", `/${other}/deliveries/${dead.id}`)).statusCode).toBe(404);
  expect((await call("POST", `/${other}/deliveries/${dead.id}/resend`)).statusCode).toBe(404);
});
