import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "#store/database.ts";
import { API_LIMITS } from "./limits.ts";
import { isDatabaseAway } from "./problem-of.ts";
import { PROBLEMS } from "./problems.ts";
import { openTestApi, type TestApi } from "./testing.ts";

let api: TestApi;
let admin: string;

beforeAll(async () => {
  api = await openTestApi();
  admin = await api.key();
});

afterAll(() => api?.close());

test("a body that does not match names each place and says why", async () => {
  const answer = await api.call(admin, "POST", "/v1/devices", { uid: "", extra: 1 });
  expect(answer.statusCode).toBe(400);
  const problem = answer.json();
  expect(problem).toMatchObject({ code: "validation", title: PROBLEMS.validation.title });
  expect(problem.errors.map((error: { pointer: string }) => error.pointer)).toContain("/uid");
  expect(JSON.stringify(problem.errors)).toContain("extra");
});

test.each([
  ["/v1/devices?limit=0"],
  ["/v1/devices?limit=1001"],
  ["/v1/devices?limit=many"],
  ["/v1/devices/x/fixes?from=yesterday"],
  ["/v1/devices/x/fixes?from=2016-12-31T23:59:60Z"],
  ["/v1/quarantine/abc"],
  ["/v1/quarantine?open=perhaps"],
])("%s is answered 400", async (url) => {
  const answer = await api.call(admin, "GET", url);
  expect([answer.statusCode, answer.json().code]).toEqual([400, "validation"]);
});

test.each([
  ["/v1/devices?after=%21"],
  ["/v1/positions?after=AAAA"],
  [`/v1/positions?after=${Buffer.from("positions.99999999999").toString("base64url")}`],
  [`/v1/keys?after=${Buffer.from("positions.1").toString("base64url")}`],
  [`/v1/quarantine?after=${Buffer.from("quarantine.1.2").toString("base64url")}`],
  [`/v1/quarantine?after=${Buffer.from("quarantine.9223372036854775808").toString("base64url")}`],
  ...["routes", "stops", "stops/1/links:links", "routes/progress:dayRoutes", "drivers/1/links:driver links"].map(
    (list) => {
      const [path, name = path] = list.split(":");
      return [`/v1/${path}?after=${Buffer.from(`${name}.9223372036854775807`).toString("base64url")}`];
    },
  ),
  [`/v1/feeds/fixes?after=${Buffer.from("feed-events.1.1.1").toString("base64url")}`],
  [`/v1/feeds/events?after=${"A".repeat(1000)}`],
  ["/v1/events/stream?after=AAAA"],
])("a cursor that the list did not give is answered 400: %s", async (url) => {
  const answer = await api.call(admin, "GET", url);
  expect([answer.statusCode, answer.json().code]).toEqual([400, "cursor_malformed"]);
});

test.each([
  ["GET", "/v1/devices/a%00b", undefined],
  ["GET", "/v1/devices/a%00b/silence", undefined],
  ["GET", "/v1/quarantine?reason=%00", undefined],
  ["POST", "/v1/devices", { uid: "352093081234567", name: "a\0b" }],
  ["POST", "/v1/devices", { uid: "half a pair \ud800" }],
  ["POST", "/v1/devices", { uid: "352093081234567", payloadKey: "\0" }],
  ["POST", "/v1/keys", { name: "\0", scopes: ["fixes:read"] }],
] as const)("text that can't be stored is answered 400: %s %s", async (method, url, body) => {
  const answer = await api.call(admin, method, url, body);
  expect([answer.statusCode, answer.json().code]).toEqual([400, "validation"]);
});

test.each([
  [414, "url_too_long", `/v1/devices/${"a".repeat(3_000)}`],
  [400, "bad_request", "/v1/devices/%E0%A4%A"],
])("a path that the router refuses is a problem of the catalogue too: %i %s", async (status, code, url) => {
  const answer = await api.call(admin, "GET", url);
  expect([answer.statusCode, answer.json().code]).toEqual([status, code]);
  expect(answer.headers["content-type"]).toContain("application/problem+json");
});

test("an unknown path is answered 404, a known one with another method 405 and what it allows", async () => {
  const unknown = await api.call(admin, "GET", "/v1/nothing");
  expect([unknown.statusCode, unknown.json().code]).toEqual([404, "not_found"]);
  const wrong = await api.call(admin, "PATCH", "/v1/devices");
  expect([wrong.statusCode, wrong.json().code]).toEqual([405, "method_not_allowed"]);
  expect(wrong.headers.allow).toContain("POST");
});

test("a path whose parameter can't be is unknown, not known by another method", async () => {
  const answer = await api.app.inject({ url: "/tiles/14/0/-1.pbf" });
  expect([answer.statusCode, answer.json().code]).toEqual([404, "not_found"]);
});

test.each(["1.9", "true", "0x1", "%201", "1e-1"])(
  "a number that is not one is refused, not read as another: %s",
  async (text) => {
    const asPath = await api.call(admin, "DELETE", `/v1/geofences/${text}`);
    expect([asPath.statusCode, asPath.json().code, asPath.json().errors[0].pointer]).toEqual([
      400,
      "validation",
      "/id",
    ]);
    const asQuery = await api.call(admin, "GET", `/v1/devices?limit=${text}`);
    expect([asQuery.statusCode, asQuery.json().code]).toEqual([400, "validation"]);
  },
);

test("members nested deeper than anybody needs are refused where they begin to be", async () => {
  const post = (depth: number) =>
    api.app.inject({
      method: "POST",
      url: "/v1/geofences",
      headers: { authorization: `Bearer ${admin}`, "content-type": "application/json" },
      payload: `{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"radius_m":5,"x":${"[".repeat(depth)}${"]".repeat(depth)}}}`,
    });
  expect((await post(60)).statusCode).toBe(201);
  for (const depth of [70, 5_000, 400_000]) {
    const { statusCode, body } = await post(depth);
    const { code, errors } = JSON.parse(body);
    expect([statusCode, code, errors[0].detail]).toEqual([400, "validation", expect.stringContaining("nested")]);
  }
});

test("a body that is too large, of another media type or no JSON is refused", async () => {
  const large = await api.call(admin, "POST", "/v1/devices", { uid: "x".repeat(API_LIMITS.bodyBytesMax) });
  expect([large.statusCode, large.json().code]).toEqual([413, "body_too_large"]);
  const post = (contentType: string, body: string) =>
    api.app.inject({
      method: "POST",
      url: "/v1/devices",
      headers: { authorization: `Bearer ${admin}`, "content-type": contentType },
      body,
    });
  const xml = await post("application/xml", "<uid/>");
  expect([xml.statusCode, xml.json().code]).toEqual([415, "media_type"]);
  const broken = await post("application/json", "{");
  expect([broken.statusCode, broken.json().code]).toEqual([400, "bad_request"]);
});

test("a failure of ours is answered 500 and tells nothing of itself", async () => {
  await api.database.pool.query("alter table unknown_device rename to hidden");
  const answer = await api.call(admin, "GET", "/v1/devices/unknown");
  await api.database.pool.query("alter table hidden rename to unknown_device");
  expect([answer.statusCode, answer.json().code]).toEqual([500, "internal"]);
  expect(answer.body).not.toContain("unknown_device");
});

test("too many requests of a key or of an address are answered 429 and told when to come back", async () => {
  const limited = await openTestApi({ limits: { keyRequestsMax: 2, addressRequestsMax: 5 } });
  try {
    const secret = await limited.key();
    const statuses: number[] = [];
    for (let n = 0; n < 3; n++) statuses.push((await limited.call(secret, "GET", "/v1/devices")).statusCode);
    expect(statuses).toEqual([200, 200, 429]);
    const other = await limited.key();
    expect((await limited.call(other, "GET", "/v1/devices")).statusCode).toBe(200);
    expect((await limited.call(other, "GET", "/v1/devices")).statusCode).toBe(200);
    const answer = await limited.app.inject({ url: "/healthz" });
    expect([answer.statusCode, answer.json().code]).toEqual([429, "rate_limited"]);
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
  } finally {
    await limited.close();
  }
});

test("behind a load balancer each of those who ask has a limit of their own; others can't say that they are another", async () => {
  const limits = { addressRequestsMax: 1 };
  const behind = await openTestApi({ limits, trustProxy: ["10.1.0.0/16"] });
  const ask = async (forwardedFor: string, remoteAddress: string) => {
    const headers = { "x-forwarded-for": forwardedFor };
    return (await behind.app.inject({ url: "/healthz", headers, remoteAddress })).statusCode;
  };
  try {
    expect(await ask("192.0.2.1", "10.1.0.9")).toBe(200);
    expect(await ask("192.0.2.2", "10.1.0.9")).toBe(200);
    expect(await ask("192.0.2.2", "10.1.0.8")).toBe(429);
    expect(await ask("198.51.100.1", "192.0.2.3")).toBe(200);
    expect(await ask("198.51.100.2", "192.0.2.3")).toBe(429);
  } finally {
    await behind.close();
  }
});

test("while the database is away the answer is 503 with Retry-After, and the API goes on when it is back", async () => {
  const gate = await openGate(api.database.url);
  const database = await openDatabase({ url: gate.url, applicationName: "api test, gated" });
  const gated = await openTestApi({ database });
  try {
    const ready = await gated.app.inject({ url: "/readyz" });
    expect([ready.statusCode, ready.json().ready]).toEqual([200, true]);
    await gate.shut();
    const answer = await gated.call(admin, "GET", "/v1/devices");
    expect([answer.statusCode, answer.json().code]).toEqual([503, "database_away"]);
    expect(answer.headers["retry-after"]).toBeDefined();
    expect((await gated.app.inject({ url: "/readyz" })).statusCode).toBe(503);
    expect((await gated.app.inject({ url: "/healthz" })).statusCode).toBe(200);
    gate.open();
    expect((await gated.call(admin, "GET", "/v1/devices")).statusCode).toBe(200);
  } finally {
    await gated.close();
    await gate.close();
  }
});

test("only errors that a retry may cure count as the database being away", () => {
  const withCode = (code: string) => Object.assign(new Error("query failed"), { code });
  const away = ["57P01", "57P03", "08006", "53100", "53300", "ECONNREFUSED", "ECONNRESET"];
  for (const code of away) expect([code, isDatabaseAway(withCode(code))]).toEqual([code, true]);
  for (const code of ["23505", "42P01", "22003"]) expect([code, isDatabaseAway(withCode(code))]).toEqual([code, false]);
  expect(isDatabaseAway(new AggregateError([withCode("ECONNREFUSED")]))).toBe(true);
  expect(isDatabaseAway(new Error("Connection terminated unexpectedly"))).toBe(true);
});

/** A way to the database server that can be shut and opened again; it keeps its port, which somebody else might take. */
async function openGate(databaseUrl: string) {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let isOpen = true;
  const server = createServer((near) => {
    if (!isOpen) return void near.destroy();
    const far = connect(Number(target.port || 5432), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        (socket === near ? far : near).destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const shut = async () => {
    isOpen = false;
    const ended = [...sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    for (const socket of sockets) socket.destroy();
    await Promise.all(ended);
  };
  return {
    url: url.href,
    shut,
    open: () => {
      isOpen = true;
    },
    close: async () => {
      await shut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
