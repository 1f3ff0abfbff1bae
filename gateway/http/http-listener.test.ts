import { request as httpRequest, type IncomingMessage } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { findDecoder } from "#decoders";
import { frameOf } from "#decoders/osmand/index.ts";
import { frameOfPost } from "#decoders/owntracks/index.ts";
import { JournalFullError } from "#store/journal-errors.ts";
import { closeTestGateways, FakeJournal, hex, openTestGateway, pause, TestDevice, until } from "../test-gateway.ts";

afterEach(closeTestGateways);

/** `1001` is registered without a password, `1002` and `ana/phone` with `right`. */
const DEVICES: Readonly<Record<string, { deviceId: number; password?: string }>> = {
  "1001": { deviceId: 1 },
  "1002": { deviceId: 2, password: "right" },
  "ana/phone": { deviceId: 3, password: "right" },
  "bo/phone": { deviceId: 4 },
};

const findDevice = (uid: string) => {
  const device = DEVICES[uid];
  if (device === undefined) return Promise.resolve(undefined);
  const settings = device.password === undefined ? {} : { "auth.passwordHash": device.password };
  return Promise.resolve({ deviceId: device.deviceId, fleetId: 1, uid, settings });
};

async function openHttpGateway(overrides: Parameters<typeof openTestGateway>[0] = {}) {
  const test = await openTestGateway({
    listeners: [{ protocol: "osmand", transport: "http", port: 0 }],
    findDecoder,
    findDevice,
    verifyPassword: async (password, stored) => Buffer.from(password).toString() === stored,
    ...overrides,
  });
  const url = (path: string) => `http://127.0.0.1:${test.port}${path}`;
  return {
    ...test,
    get: (path: string, headers: Record<string, string> = {}) => fetch(url(path), { headers }),
    post: (path: string, body: string, headers: Record<string, string> = {}) =>
      fetch(url(path), { method: "POST", body, headers: { "content-type": "application/json", ...headers } }),
    raw: () => TestDevice.connect(test.port),
  };
}

const QUERY = "/?id=1001&timestamp=1700000000&lat=41.1&lon=-8.6&speed=3";
const location = (deviceId: string, count = 1) => {
  const one = { timestamp: "2025-06-15T13:45:12.862Z", coords: { latitude: 41, longitude: -8 } };
  return JSON.stringify({
    location: count === 1 ? one : Array.from({ length: count }, () => one),
    device_id: deviceId,
  });
};
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});

describe("a report", () => {
  it("is answered with 200 only when it is committed", async () => {
    const { get, journal } = await openHttpGateway();
    journal.hold();
    let status = 0;
    const answered = get(QUERY).then((response) => {
      status = response.status;
    });
    await until(() => journal.pendingFrames === 1);
    await pause();
    expect(status).toBe(0);
    journal.release();
    await answered;
    expect(status).toBe(200);
    expect(journal.frames()).toEqual([hex(frameOf({ method: "GET", path: QUERY }))]);
    expect(journal.committed[0]).toMatchObject({ deviceId: 1, protocol: "osmand", transport: "http" });
  });

  it("comes as a query, a form, JSON, or a batch that is one frame", async () => {
    const { get, post, journal, metric } = await openHttpGateway();
    const form = { "content-type": "application/x-www-form-urlencoded" };
    expect((await get(QUERY)).status).toBe(200);
    expect((await post(QUERY, "")).status).toBe(400);
    expect((await post(QUERY, "", form)).status).toBe(200);
    expect((await post("/", "id=1001&lat=1&lon=2", form)).status).toBe(200);
    expect((await post("/", location("1001"))).status).toBe(200);
    expect((await post("/", location("1001", 25))).status).toBe(200);
    expect(journal.frames()).toHaveLength(5);
    expect(await metric("gateway_records_total", { protocol: "osmand" })).toBe(29);
  });

  it("of OwnTracks is posted to /pub with its user and device, and answered as the app wants it", async () => {
    const { post, journal } = await openHttpGateway();
    const body = '{"_type":"location","lat":1,"lon":2,"tst":1700000000,"tid":"an"}';
    const headers = { "x-limit-u": "ana", "x-limit-d": "phone", ...basic("ana", "right") };
    const answer = await post("/pub", body, headers);
    expect([answer.status, await answer.text()]).toEqual([200, "[]"]);
    expect((await post("/pub?u=ana&d=phone", body, basic("ana", "right"))).status).toBe(200);
    const frame = hex(frameOfPost({ user: "ana", device: "phone", body: Buffer.from(body) }));
    expect(journal.frames()).toEqual([frame, frame]);
    expect(journal.committed[0]).toMatchObject({ deviceId: 3, protocol: "owntracks", transport: "http" });
  });

  it("while the journal is away is told to come again, and taken when it is back", async () => {
    const { get, journal } = await openHttpGateway({ limits: { COMMIT_TIMEOUT_MS: 150 } });
    journal.hold();
    const answer = await get(QUERY);
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "10"]);
    journal.release();
    // It comes again until it is taken: the time for it is short here.
    await until(async () => (await get(QUERY)).status === 200);
  });

  it("that the journal has no room for, or fails on, is not acknowledged", async () => {
    const { get, journal } = await openHttpGateway();
    for (const error of [new JournalFullError("full"), new Error("broken")]) {
      journal.failWith = error;
      expect((await get(QUERY)).status).toBe(503);
    }
    expect(journal.frames()).toEqual([]);
  });

  it("waits for the directory, and is told to come again after its time", async () => {
    let isAway = true;
    const { get } = await openHttpGateway({
      findDevice: (uid) => (isAway ? Promise.reject(new Error("away")) : findDevice(uid)),
      limits: { COMMIT_TIMEOUT_MS: 1_200 },
    });
    expect((await get(QUERY)).status).toBe(503);
    isAway = false;
    await until(async () => (await get(QUERY)).status === 200);
  });
});

describe("a device", () => {
  it("that is not registered is not found, and its knock is noted", async () => {
    const { get, post, knocks, journal } = await openHttpGateway();
    expect((await get("/?id=9&lat=1&lon=2")).status).toBe(404);
    expect((await post("/", location("9"))).status).toBe(404);
    await until(() => knocks.length > 0);
    expect(knocks[0]).toMatchObject({ uid: "9", protocol: "osmand" });
    expect(journal.committed).toEqual([]);
  });

  it("that is not named is a bad request, which is set aside", async () => {
    const { get, quarantined } = await openHttpGateway();
    expect((await get("/?lat=1&lon=2")).status).toBe(400);
    await until(() => quarantined.length === 1);
    expect(quarantined[0]).toMatchObject({ protocol: "osmand", transport: "http", reason: "login" });
  });

  it("with a password must give it, by HTTP Basic or in the query, and it is not journalled", async () => {
    const { get, journal } = await openHttpGateway();
    const path = "/?id=1002&lat=1&lon=2";
    const refused = await get(path);
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([401, 'Basic realm="device"']);
    expect((await get(`${path}&password=wrong`)).status).toBe(401);
    expect((await get(path, basic("1002", "wrong"))).status).toBe(401);
    expect((await get(path, basic("1001", "right"))).status).toBe(401);
    expect(journal.frames()).toEqual([]);
    expect((await get(`${path}&password=right`)).status).toBe(200);
    expect((await get("/?password=right&id=1002&lat=1&lon=2")).status).toBe(200);
    expect((await get(path, basic("", "right"))).status).toBe(200);
    const frame = hex(frameOf({ method: "GET", path }));
    expect(journal.frames()).toEqual([frame, frame, frame]);
  });

  it("of OwnTracks must have a password", async () => {
    const { post } = await openHttpGateway();
    const body = '{"_type":"location","lat":1,"lon":2,"tst":1700000000,"tid":"bo"}';
    expect((await post("/pub?u=bo&d=phone", body, basic("bo", "right"))).status).toBe(401);
    expect((await post("/pub?u=ana&d=phone", body)).status).toBe(401);
  });

  it("registers itself where that is allowed", async () => {
    const { get, journal } = await openHttpGateway({ limits: { AUTO_REGISTER: true } });
    expect((await get("/?id=new&lat=1&lon=2")).status).toBe(200);
    expect(journal.committed[0]).toMatchObject({ deviceId: 1_003 });
  });
});

describe("a hostile client", () => {
  it("is told that its body is too large, announced or not", async () => {
    const { post, port, journal } = await openHttpGateway();
    expect((await post("/", "x".repeat(65_537))).status).toBe(413);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest({ port, method: "POST", headers: { "transfer-encoding": "chunked" } });
      request.on("response", (response: IncomingMessage) => resolve(response.statusCode));
      request.on("error", reject);
      request.write("x".repeat(65_537));
    });
    expect(status).toBe(413);
    expect(journal.committed).toEqual([]);
  });

  it("that sends its body slowly is told so and closed", async () => {
    const { raw, metric } = await openHttpGateway({ limits: { FRAME_TIMEOUT_MS: 150 } });
    const client = await raw();
    client.send(Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"));
    await client.closed();
    expect(Buffer.from(client.receivedHex, "hex").toString()).toMatch(/^HTTP\/1.1 408 /);
    expect(await metric("gateway_closed_total", { reason: "slowSender" })).toBe(1);
  });

  it.each([
    ["speaks no HTTP", "\x10\x20hello\r\n\r\n", /^HTTP\/1.1 400 /],
    ["sends endless headers", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(9_000)}\r\n\r\n`, /^HTTP\/1.1 431 /],
    ["asks with a long path", `GET /?id=${"x".repeat(5_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, /^HTTP\/1.1 414 /],
    ["asks otherwise than we answer", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1.1 405 /],
    [
      "smuggles",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      /^HTTP\/1.1 400 /,
    ],
  ])("that %s is refused and closed", async (_what, bytes, answer) => {
    const { raw, get, metric } = await openHttpGateway();
    const client = await raw();
    client.send(Buffer.from(bytes));
    await client.closed();
    expect(Buffer.from(client.receivedHex, "hex").toString()).toMatch(answer);
    expect(await metric("gateway_refused_total", { reason: "request" })).toBeGreaterThan(0);
    expect((await get(QUERY)).status).toBe(200);
  });

  it("that piles up requests without waiting is closed", async () => {
    const { raw, journal, metric } = await openHttpGateway();
    const client = await raw();
    journal.hold();
    client.send(Buffer.from(`GET ${QUERY} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(20)));
    await client.closed();
    expect(journal.pendingFrames).toBeLessThanOrEqual(8);
    expect(await metric("gateway_closed_total", { reason: "framing" })).toBe(1);
  });

  it("that goes away in the middle of a body leaves nothing behind", async () => {
    const { raw, metric, gateway } = await openHttpGateway();
    const client = await raw();
    client.send(Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"));
    await pause();
    client.socket.destroy();
    await until(async () => (await metric("gateway_sessions", { transport: "http" })) === 0);
    await gateway.drain();
  });
});

describe("a drain", () => {
  it("answers what is in hand and closes idle connections", async () => {
    const journal = new FakeJournal();
    const { raw, gateway } = await openHttpGateway({ journal });
    const idle = await raw();
    const busy = await raw();
    journal.hold();
    busy.send(Buffer.from(`GET ${QUERY} HTTP/1.1\r\nHost: a\r\n\r\n`));
    await until(() => journal.pendingFrames === 1);
    const drained = gateway.drain();
    await idle.closed();
    expect(busy.isClosed).toBe(false);
    journal.release();
    await Promise.all([drained, busy.closed()]);
    expect(Buffer.from(busy.receivedHex, "hex").toString()).toMatch(/^HTTP\/1.1 200 /);
  });
});
