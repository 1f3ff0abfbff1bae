import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, TEST_NOW_MS, type TestApi } from "./testing.ts";

let api: TestApi;

beforeAll(async () => {
  api = await openTestApi();
});

afterAll(() => api?.close());

test.each([
  ["no header", undefined, "key_missing"],
  ["another scheme", "Basic dXNlcjpwYXNz", "key_missing"],
  ["a bearer token that is no key", "Bearer hello", "key_unknown"],
  ["a key that nobody made", `Bearer tg_live_${"A".repeat(43)}`, "key_unknown"],
])("%s is answered 401 with a challenge", async (_title, authorization, code) => {
  const headers = authorization === undefined ? {} : { authorization };
  const answer = await api.app.inject({ url: "/v1/devices", headers });
  expect(answer.statusCode).toBe(401);
  expect(answer.headers["content-type"]).toContain("application/problem+json");
  expect(answer.headers["www-authenticate"]).toMatch(/^Bearer/);
  expect(answer.json()).toMatchObject({ code, status: 401, type: `/problems#${code}` });
});

test("a key is accepted until it expires", async () => {
  const secret = await api.key({ expiresAt: new Date(TEST_NOW_MS + 1_000) });
  expect((await api.call(secret, "GET", "/v1/devices")).statusCode).toBe(200);
  api.clock.nowMs = TEST_NOW_MS + 1_000;
  const answer = await api.call(secret, "GET", "/v1/devices");
  api.clock.nowMs = TEST_NOW_MS;
  expect([answer.statusCode, answer.json().code]).toEqual([401, "key_expired"]);
});

test("a key is made by the API, shown once, stored hashed, used, and revoked", async () => {
  const admin = await api.key();
  const made = await api.call(admin, "POST", "/v1/keys", { name: "van tablets", scopes: ["devices:read"] });
  expect(made.statusCode).toBe(201);
  const { id, secret } = made.json();
  expect(secret).toMatch(/^tg_live_[A-Za-z0-9_-]{43}$/);
  const { rows } = await api.database.pool.query(
    "select row_to_json(k)::text as row from api_key k where key_id = $1",
    [id],
  );
  expect(rows[0].row).not.toContain(secret.slice(12));

  expect((await api.call(secret, "GET", "/v1/devices")).statusCode).toBe(200);
  const listed = (await api.call(admin, "GET", "/v1/keys")).json().data.find((key: { id: string }) => key.id === id);
  expect(listed).toMatchObject({ name: "van tablets", prefix: secret.slice(0, 12), revokedAt: null });
  expect(JSON.stringify(listed)).not.toContain(secret);

  expect((await api.call(admin, "DELETE", `/v1/keys/${id}`)).statusCode).toBe(204);
  const answer = await api.call(secret, "GET", "/v1/devices");
  expect([answer.statusCode, answer.json().code]).toEqual([401, "key_revoked"]);
});

test("a key without the scope of a route is answered 403 and told which one", async () => {
  const secret = await api.key({ scopes: ["devices:read"] });
  const answer = await api.call(secret, "POST", "/v1/devices", { uid: "352093081234567" });
  expect(answer.statusCode).toBe(403);
  expect(answer.json()).toMatchObject({ code: "scope_missing", scope: "devices:write" });
  const fixes = await api.call(await api.key({ scopes: ["events:read"] }), "GET", "/v1/events/stream?feed=fixes");
  expect(fixes.json()).toMatchObject({ code: "scope_missing", scope: "fixes:read" });
});

test("a key cannot make a key that may do more than itself", async () => {
  const secret = await api.key({ scopes: ["keys:write", "devices:read"] });
  const more = await api.call(secret, "POST", "/v1/keys", { name: "more", scopes: ["fixes:read"] });
  expect([more.statusCode, more.json().code]).toEqual([403, "scope_missing"]);
  const same = await api.call(secret, "POST", "/v1/keys", { name: "same", scopes: ["devices:read"] });
  expect(same.statusCode).toBe(201);
});

test("a key for a fleet that does not exist is not made", async () => {
  const body = { name: "n", scopes: ["admin"], fleetId: 999_999 };
  const answer = await api.call(await api.key(), "POST", "/v1/keys", body);
  expect([answer.statusCode, answer.json().code]).toEqual([404, "not_found"]);
});
