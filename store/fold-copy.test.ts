import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectionSettings } from "./database.ts";
import { copyFixes } from "./fold-commit.ts";
import { FixCopy } from "./fold-copy.ts";
import type { FixRow } from "./fold-rows.ts";
import { openTestDatabase, type TestDatabase } from "./testing.ts";

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await openTestDatabase();
  client = new pg.Client(connectionSettings(database.url, "test"));
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.close();
});

const full: FixRow = {
  fixId: 2 ** 52 + 1,
  deviceId: 2 ** 31 - 1,
  fixTimeMs: Date.UTC(1999, 11, 31, 23, 59, 59, 999),
  fingerprint: 2 ** 53 - 1,
  receivedAtMs: Date.UTC(2026, 10, 22, 1, 2, 3, 4),
  kind: "fix",
  protocol: "teltonika",
  valid: true,
  late: true,
  buffered: true,
  clockFault: "rollover",
  deviceTimeMs: 0,
  latDeg: -89.9999999,
  lonDeg: -179.5,
  altitudeM: -12.5,
  speedMps: 13.5,
  headingDeg: 359.5,
  satellites: 99_999,
  hdop: 0.5,
  accuracyM: 2.5,
  event: "ignition.on",
  smoothed: { latDeg: -89.99, lonDeg: 179.5, speedMps: 13.25, headingDeg: 0.5, sigmaM: 2.25 },
  matched: { latDeg: 1.5, lonDeg: -2.5, wayId: 2 ** 40 + 3, forward: false, confidence: 0.75 },
  cell: "89392c8a6c3ffff",
  attributes: { text: "naïve 漢字 🚚", nested: { list: [1, null, true] }, "nul\0": "\ud800" },
};
const empty: FixRow = {
  ...full,
  ...{ fixId: 1, valid: false, late: false, buffered: false, clockFault: null, deviceTimeMs: null, event: null },
  ...{ latDeg: null, lonDeg: null, altitudeM: null, speedMps: null, headingDeg: null },
  ...{ satellites: null, hdop: null, accuracyM: null, attributes: {} },
  ...{ smoothed: null, matched: null, cell: null },
  fixTimeMs: 5,
};

test("a row copied in binary reads back as it was, at the edges of its types too", async () => {
  const copy = new FixCopy();
  copy.append([full]);
  copy.append([empty]);
  await copyFixes(client, copy.finish(2n ** 40n, Date.UTC(2026, 10, 22)));
  const { rows } = await client.query("select * from fix order by fix_id desc");
  expect(rows).toEqual([
    {
      fix_id: full.fixId,
      device_id: full.deviceId,
      fix_time: new Date(full.fixTimeMs),
      fingerprint: full.fingerprint,
      received_at: new Date(full.receivedAtMs),
      stored_at: new Date(Date.UTC(2026, 10, 22)),
      commit_xid: 2 ** 40,
      ...{ kind: "fix", protocol: "teltonika", valid: true, late: true, buffered: true, clock_fault: "rollover" },
      device_time: new Date(0),
      ...{ lat_deg: -89.9999999, lon_deg: -179.5, altitude_m: -12.5, speed_mps: 13.5, heading_deg: 359.5 },
      ...{ satellites: 32_767, hdop: 0.5, accuracy_m: 2.5, event: "ignition.on" },
      ...{ smoothed_lat_deg: -89.99, smoothed_lon_deg: 179.5, smoothed_speed_mps: 13.25, smoothed_heading_deg: 0.5 },
      ...{ smoothed_sigma_m: 2.25, matched_lat_deg: 1.5, matched_lon_deg: -2.5, matched_way_id: 2 ** 40 + 3 },
      ...{ matched_forward: false, matched_confidence: 0.75 },
      cell: String(0x89392c8a6c3ffffn),
      attributes: { ...full.attributes, "nul\ufffd": "\ufffd", "nul\0": undefined },
    },
    expect.objectContaining({
      ...{ fix_id: 1, fix_time: new Date(5), lat_deg: null, event: null, attributes: {} },
      ...{ smoothed_lat_deg: null, matched_way_id: null, cell: null },
    }),
  ]);
});

test("rows of which one can't be encoded add nothing, and what was there stays", async () => {
  const copy = new FixCopy();
  copy.append([{ ...empty, fixId: 7, fixTimeMs: 7 }]);
  expect(() =>
    copy.append([
      { ...empty, fixId: 8 },
      { ...empty, deviceId: 2 ** 31 },
    ]),
  ).toThrow(RangeError);
  expect(copy.rows).toBe(1);
  await copyFixes(client, copy.finish(1n, 0));
  expect((await client.query("select fix_id from fix where fix_id in (7, 8)")).rows).toEqual([{ fix_id: 7 }]);
});
