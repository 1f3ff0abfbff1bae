import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, storeQuarantined, TEST_NOW_MS, type TestApi } from "./testing.ts";

let api: TestApi;
let secret: string;
let deviceId: number;

beforeAll(async () => {
  api = await openTestApi();
  secret = await api.key({ fleetId: 1, scopes: ["quarantine:read", "quarantine:write"] });
  deviceId = await api.device(1, "352093081234567");
});

afterAll(() => api?.close());

test("a quarantined frame is listed newest first, read, and given as the bytes that came", async () => {
  const older = await storeQuarantined(api.database, { deviceId, fleetId: 1, source: "gateway", reason: "checksum" });
  const newer = await storeQuarantined(api.database, { deviceId, fleetId: 1 });
  await storeQuarantined(api.database, { deviceId: null, fleetId: null });

  const ids: string[] = [];
  let url = "/v1/quarantine?limit=1";
  for (;;) {
    const page = (await api.call(secret, "GET", url)).json();
    ids.push(...page.data.map((frame: { id: string }) => frame.id));
    if (!page.has_more) break;
    url = `/v1/quarantine?limit=1&after=${page.next_cursor}`;
  }
  expect(ids).toEqual([newer, older]);
  expect((await api.call(secret, "GET", `/v1/quarantine/${older}`)).json()).toEqual({
    id: older,
    source: "gateway",
    deviceUid: "352093081234567",
    protocol: "teltonika",
    transport: "tcp",
    receivedAt: new Date(TEST_NOW_MS).toISOString(),
    remoteAddress: null,
    reason: "checksum",
    detail: null,
    sizeBytes: 4,
    retryRequestedAt: null,
    resolvedAt: null,
  });
  const bytes = await api.call(secret, "GET", `/v1/quarantine/${older}/bytes`);
  expect(bytes.headers["content-type"]).toBe("application/octet-stream");
  expect(bytes.rawPayload.toString("hex")).toBe("deadbeef");
});

test("the list can be narrowed to a device, a reason and what is open", async () => {
  const count = async (query: string) => (await api.call(secret, "GET", `/v1/quarantine?${query}`)).json().data.length;
  expect(await count("reason=checksum")).toBe(1);
  expect(await count("deviceUid=352093081234567")).toBe(2);
  expect(await count("deviceUid=other")).toBe(0);
  expect(await count("open=true")).toBe(2);
  expect(await count("open=false")).toBe(0);
});

test("a retry marks the frame and wakes the stream", async () => {
  const id = await storeQuarantined(api.database, { deviceId, fleetId: 1 });
  const listener = new pg.Client(api.database.url);
  await listener.connect();
  await listener.query("listen quarantine");
  const woken = new Promise<string | undefined>((resolve) =>
    listener.on("notification", (message) => resolve(message.payload)),
  );
  const answer = await api.call(secret, "POST", `/v1/quarantine/${id}/retry`);
  expect(answer.statusCode).toBe(202);
  expect(answer.json().retryRequestedAt).not.toBeNull();
  expect(await woken).toBe(id);
  await listener.end();
});

test("what the device sends again by itself, and what is resolved, cannot be retried", async () => {
  const refused = await storeQuarantined(api.database, { deviceId, fleetId: 1, source: "gateway" });
  const resolved = await storeQuarantined(api.database, { deviceId, fleetId: 1 });
  await api.database.pool.query("update quarantine set resolved_at = now() where quarantine_id = $1", [resolved]);
  for (const id of [refused, resolved]) {
    const answer = await api.call(secret, "POST", `/v1/quarantine/${id}/retry`);
    expect([answer.statusCode, answer.json().code]).toEqual([409, "not_retryable"]);
  }
});

test("frames of unknown devices are seen with a key for all fleets only", async () => {
  const id = await storeQuarantined(api.database, { deviceId: null, fleetId: null });
  const admin = await api.key();
  expect((await api.call(secret, "GET", `/v1/quarantine/${id}`)).statusCode).toBe(404);
  expect((await api.call(admin, "GET", `/v1/quarantine/${id}`)).json().deviceUid).toBeNull();
});
