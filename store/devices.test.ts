import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { openDeviceDirectory } from "./device-directory.ts";
import {
  findDevice,
  findDeviceByUid,
  listDevices,
  listUnknownDevices,
  recordKnocks,
  registerDevice,
  removeDevice,
  updateDevice,
} from "./devices.ts";
import { openTestDatabase, type TestDatabase } from "./testing.ts";

const PATIENCE = { timeout: 50_000, interval: 10 };

let test_: TestDatabase;
let database: Database;
beforeAll(async () => {
  test_ = await openTestDatabase();
  database = await openDatabase({ url: test_.url, applicationName: "test", connectionsMax: 3 });
  await database.pool.query("insert into fleet (name) values ('second')");
});
afterAll(async () => {
  await database.close();
  await test_.close();
});

test("a uid is registered once, in one fleet, and found by that fleet only", async () => {
  const made = await registerDevice(database, {
    fleetId: 2,
    uid: "352093081234567",
    model: "FMB120",
    settings: { key: "k" },
  });
  expect(made).toMatchObject({ kind: "registered", device: { fleetId: 2, model: "FMB120", settings: { key: "k" } } });
  expect(await registerDevice(database, { fleetId: 1, uid: "352093081234567" })).toEqual({ kind: "exists" });
  expect(await findDevice(database, 2, "352093081234567")).toEqual(made.kind === "registered" ? made.device : null);
  expect(await findDevice(database, 1, "352093081234567")).toBeUndefined();
  expect(await findDeviceByUid(database, "352093081234567")).toMatchObject({ fleetId: 2 });
});

test("a change touches what it names, clears what it names null, and stays in its fleet", async () => {
  await registerDevice(database, { fleetId: 1, uid: "changed", model: "FMB120", name: "van 7" });
  expect(await updateDevice(database, 2, "changed", { name: "theirs" })).toBeUndefined();
  expect(await updateDevice(database, 1, "changed", { name: null, protocol: "teltonika" })).toMatchObject({
    name: null,
    model: "FMB120",
    protocol: "teltonika",
    settings: {},
  });
  expect(await removeDevice(database, 2, "changed")).toBe(false);
  expect(await removeDevice(database, 1, "changed")).toBe(true);
  expect(await findDeviceByUid(database, "changed")).toBeUndefined();
});

test("devices are listed by page, for one fleet or for all", async () => {
  for (const uid of ["page-1", "page-2", "page-3"]) await registerDevice(database, { fleetId: 2, uid });
  const all = await listDevices(database, { fleetId: null, limit: 100 });
  const [first, ...rest] = await listDevices(database, { fleetId: 2, limit: 100 });
  expect(all.length).toBeGreaterThan(3);
  expect(await listDevices(database, { fleetId: 2, after: first!.deviceId, limit: 2 })).toEqual(rest.slice(0, 2));
});

test("knocks add up until the device is registered", async () => {
  const knock = {
    uid: "stranger",
    protocol: "teltonika",
    knocks: 2,
    firstSeenAtMs: 1_000,
    lastSeenAtMs: 2_000,
    lastAddress: null,
  };
  await recordKnocks(database, [knock, { ...knock, uid: "changed no more" }]);
  await recordKnocks(database, [{ ...knock, firstSeenAtMs: 9_000, lastSeenAtMs: 9_000, lastAddress: "10.0.0.9" }]);
  expect(await listUnknownDevices(database, { after: 1, limit: 5 })).toEqual([
    {
      uid: "stranger",
      protocol: "teltonika",
      firstSeenAt: new Date(1_000),
      lastSeenAt: new Date(9_000),
      knocks: 4,
      lastAddress: "10.0.0.9",
    },
  ]);
  await registerDevice(database, { fleetId: 1, uid: "stranger" });
  await recordKnocks(database, [knock]);
  expect((await listUnknownDevices(database, { limit: 5 })).map((device) => device.uid)).toEqual(["changed no more"]);
});

test("the directory hears of registrations, changes and removals", async () => {
  // Nothing is forgotten by its age: what changes here was heard of.
  const directory = await openDeviceDirectory(database, { now: () => 0 });
  try {
    expect(await directory.find("remembered")).toBeUndefined();
    await registerDevice(database, { fleetId: 1, uid: "remembered" });
    await vi.waitFor(async () => expect(await directory.find("remembered")).toMatchObject({ name: null }), PATIENCE);
    await updateDevice(database, null, "remembered", { name: "van" });
    await vi.waitFor(async () => expect(await directory.find("remembered")).toMatchObject({ name: "van" }), PATIENCE);
    await removeDevice(database, null, "remembered");
    await vi.waitFor(async () => expect(await directory.find("remembered")).toBeUndefined(), PATIENCE);
  } finally {
    await directory.close();
  }
});

test("the directory remembers, forgets all when its connection was cut, and holds no more than its maximum", async () => {
  const directory = await openDeviceDirectory(database, { devicesMax: 2 });
  try {
    for (const uid of ["kept-1", "kept-2", "kept-3"]) await registerDevice(database, { fleetId: 1, uid });
    await vi.waitFor(async () => expect(await directory.find("kept-3")).toBeDefined(), PATIENCE);
    const first = directory.find("kept-1");
    expect(directory.find("kept-1")).toBe(first);
    await Promise.all([directory.find("kept-2"), directory.find("kept-3")]);
    expect(directory.find("kept-1")).not.toBe(first);

    await directory.find("kept-3");
    await database.pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listen' and datname = current_database()",
    );
    // Written without a notification: only forgetting everything brings it to light.
    await database.pool.query("update device set name = 'renamed' where uid = 'kept-3'");
    await vi.waitFor(async () => expect(await directory.find("kept-3")).toMatchObject({ name: "renamed" }), PATIENCE);
  } finally {
    await directory.close();
  }
});
