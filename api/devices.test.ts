import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyPassword } from "#store/device-passwords.ts";
import { findDeviceByUid } from "#store/devices.ts";
import { openTestApi, type TestApi } from "./testing.ts";

let api: TestApi;
let admin: string;

beforeAll(async () => {
  api = await openTestApi();
  admin = await api.key();
});

afterAll(() => api?.close());

test("a device is registered in one call, found by its uid, changed, listed and removed", async () => {
  const made = await api.call(admin, "POST", "/v1/devices", { uid: "352093081234567", model: "FMB120", name: "van 1" });
  expect(made.statusCode).toBe(201);
  expect(made.headers.location).toBe("/v1/devices/352093081234567");
  expect(made.json()).toMatchObject({ uid: "352093081234567", fleetId: 1, model: "FMB120", protocol: null });

  const changed = await api.call(admin, "PATCH", "/v1/devices/352093081234567", { name: null, protocol: "teltonika" });
  expect(changed.json()).toMatchObject({ name: null, model: "FMB120", protocol: "teltonika" });
  expect((await api.call(admin, "GET", "/v1/devices/352093081234567")).json()).toEqual(changed.json());
  expect((await api.call(admin, "GET", "/v1/devices")).json().data).toEqual([changed.json()]);

  expect((await api.call(admin, "DELETE", "/v1/devices/352093081234567")).statusCode).toBe(204);
  expect((await api.call(admin, "GET", "/v1/devices/352093081234567")).statusCode).toBe(404);
});

test("a uid with a slash is escaped in the path", async () => {
  await api.call(admin, "POST", "/v1/devices", { uid: "anna/phone", protocol: "owntracks" });
  const answer = await api.call(admin, "GET", "/v1/devices/anna%2Fphone");
  expect([answer.statusCode, answer.json().uid]).toEqual([200, "anna/phone"]);
});

test("a uid is registered once, whatever the fleet", async () => {
  await api.call(admin, "POST", "/v1/devices", { uid: "twice" });
  const elsewhere = await api.key({ fleetId: await api.fleet() });
  for (const secret of [admin, elsewhere]) {
    const answer = await api.call(secret, "POST", "/v1/devices", { uid: "twice" });
    expect([answer.statusCode, answer.json().code]).toEqual([409, "uid_taken"]);
  }
});

test("a device cannot take the name of the list of unknown devices, and a fleet must exist", async () => {
  expect((await api.call(admin, "POST", "/v1/devices", { uid: "unknown" })).statusCode).toBe(400);
  expect((await api.call(admin, "POST", "/v1/devices", { uid: "new", fleetId: 999_999 })).statusCode).toBe(404);
});

test("devices are listed page by page", async () => {
  const fleetId = await api.fleet();
  const secret = await api.key({ fleetId });
  for (let n = 0; n < 5; n++) await api.device(fleetId, `paged ${n}`);
  const uids: string[] = [];
  let after = "";
  for (let page = 0; page < 3; page++) {
    const answer = (await api.call(secret, "GET", `/v1/devices?limit=2${after}`)).json();
    uids.push(...answer.data.map((device: { uid: string }) => device.uid));
    expect(answer.has_more).toBe(page < 2);
    after = `&after=${answer.next_cursor}`;
  }
  expect(uids).toEqual([0, 1, 2, 3, 4].map((n) => `paged ${n}`));
});

test("devices that knocked without being registered are listed with how often they did", async () => {
  await api.database.pool.query(
    `insert into unknown_device (uid, protocol, first_seen_at, last_seen_at, knocks, last_address)
     values ('111', 'teltonika', now() - interval '1 hour', now(), 12, '192.0.2.1'),
       ('222', 'teltonika', now(), now(), 1, null)`,
  );
  const { data } = (await api.call(admin, "GET", "/v1/devices/unknown")).json();
  expect(data).toHaveLength(2);
  expect(data).toContainEqual(expect.objectContaining({ uid: "111", knocks: 12, lastAddress: "192.0.2.1" }));
});

test("the silence of a device is explained by what the store has seen of it", async () => {
  const deviceId = await api.device(1, "silent one");
  const why = async () => (await api.call(admin, "GET", "/v1/devices/silent%20one/silence")).json();
  expect(await why()).toMatchObject({ silent: true, cause: "never_connected", framesTotal: 0 });
  await api.database.pool.query(
    `insert into device_state (device_id, partition, last_seq, connected, last_frame_at, last_connected_at, last_close_reason,
       counters) values ($1, 0, 1, false, now() + interval '1 second', now(), 'idle', '{"frames": 5, "noFixStreak": 4}')`,
    [deviceId],
  );
  expect(await why()).toMatchObject({ cause: "no_fix", framesTotal: 5, lastCloseReason: "idle" });
  await api.database.pool.query(
    `insert into quarantine (source, device_id, fleet_id, protocol, transport, received_at, reason, bytes)
     values ('gateway', $1, 1, 'gt06', 'tcp', now() + interval '2 seconds', 'checksum', '\\x00')`,
    [deviceId],
  );
  expect(await why()).toMatchObject({ cause: "bad_checksum", rejected: [{ reason: "checksum", frames: 1 }] });
});

test("a uid that was refused because it is not registered is explained to a key for all fleets only", async () => {
  await api.database.pool.query(
    `insert into unknown_device (uid, protocol, first_seen_at, last_seen_at, knocks)
     values ('stranger', 'gt06', now(), now(), 3), ('stranger', 'teltonika', now(), now(), 2)`,
  );
  const answer = await api.call(admin, "GET", "/v1/devices/stranger/silence");
  expect(answer.json()).toMatchObject({ deviceUid: "stranger", silent: true, cause: "refused", knocks: 5 });
  const fleetKey = await api.key({ fleetId: 1 });
  expect((await api.call(fleetKey, "GET", "/v1/devices/stranger/silence")).statusCode).toBe(404);
  expect((await api.call(admin, "GET", "/v1/devices/nobody/silence")).statusCode).toBe(404);
});

test("the secrets of a device are kept as settings, changed one by one, and never given back", async () => {
  const settings = async () => (await findDeviceByUid(api.database, "ana/phone"))?.settings ?? {};
  const hash = async () => String((await settings())["auth.passwordHash"]);
  const secrets = { password: "correct horse", payloadKey: "battery staple" };
  const made = await api.call(admin, "POST", "/v1/devices", { uid: "ana/phone", protocol: "owntracks", ...secrets });
  expect(made.statusCode).toBe(201);
  expect(made.body).not.toMatch(/correct horse|battery staple|scrypt/);
  expect(await settings()).toMatchObject({ "owntracks.payloadKey": "battery staple" });
  expect(await verifyPassword("correct horse", await hash())).toBe(true);

  const changed = await api.call(admin, "PATCH", "/v1/devices/ana%2Fphone", { password: "another one" });
  expect(changed.statusCode).toBe(200);
  expect(await verifyPassword("correct horse", await hash())).toBe(false);
  expect(await verifyPassword("another one", await hash())).toBe(true);
  expect(await settings()).toMatchObject({ "owntracks.payloadKey": "battery staple" });

  await api.call(admin, "PATCH", "/v1/devices/ana%2Fphone", { name: "Ana", payloadKey: null });
  expect(Object.keys(await settings())).toEqual(["auth.passwordHash"]);
  expect((await api.call(admin, "PATCH", "/v1/devices/ana%2Fphone", { password: "short" })).statusCode).toBe(400);
});
