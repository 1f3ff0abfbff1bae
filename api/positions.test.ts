import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, storeFixes, storePosition, TEST_NOW_MS, type TestApi } from "./testing.ts";

const FIXES = 25;

let api: TestApi;
let secret: string;
let deviceId: number;

beforeAll(async () => {
  api = await openTestApi();
  secret = await api.key({ fleetId: 1, scopes: ["fixes:read"] });
  deviceId = await api.device(1, "352093081234567");
  // Three fixes share each time, and the newest times come first: the order must come from the query.
  const fixes = Array.from({ length: FIXES }, (_, n) => ({
    deviceId,
    fixId: 1024 + n,
    timeMs: TEST_NOW_MS - Math.floor(n / 3) * 1_000,
  }));
  await storeFixes(api.database, fixes);
});

afterAll(() => api?.close());

type Page = { data: { id: string; time: string }[]; next_cursor: string | null; has_more: boolean };

async function readAll(url: string): Promise<Page[]> {
  const pages: Page[] = [];
  let after = "";
  for (;;) {
    const answer = await api.call(secret, "GET", url + after);
    expect(answer.statusCode).toBe(200);
    const page: Page = answer.json();
    pages.push(page);
    if (page.next_cursor === null) return pages;
    after = `&after=${page.next_cursor}`;
  }
}

test.each([1, 2, 7, 24, 25, 1000])(
  "the fixes of a device come once each in order of time, %i a page",
  async (limit) => {
    const pages = await readAll(`/v1/devices/352093081234567/fixes?limit=${limit}`);
    const fixes = pages.flatMap((page) => page.data);
    expect(new Set(fixes.map((fix) => fix.id)).size).toBe(FIXES);
    expect(fixes.map((fix) => fix.time)).toEqual(fixes.map((fix) => fix.time).toSorted());
    expect(pages).toHaveLength(Math.ceil(FIXES / limit));
    expect(pages.map((page) => page.has_more)).toEqual(pages.map((_, n) => n < pages.length - 1));
  },
);

test("from is inclusive and to is exclusive", async () => {
  const from = new Date(TEST_NOW_MS - 2_000).toISOString();
  const to = new Date(TEST_NOW_MS).toISOString();
  const [page] = await readAll(`/v1/devices/352093081234567/fixes?from=${from}&to=${to}`);
  expect(new Set(page!.data.map((fix) => fix.time))).toEqual(
    new Set([from, new Date(TEST_NOW_MS - 1_000).toISOString()]),
  );
});

test("a fix has the fields of a decoded report and says when it was received and stored", async () => {
  const { data } = (await api.call(secret, "GET", "/v1/devices/352093081234567/fixes?limit=1")).json();
  const time = new Date(TEST_NOW_MS - 8_000).toISOString();
  expect(data[0]).toEqual({
    id: String(1024 + 24),
    deviceUid: "352093081234567",
    protocol: "teltonika",
    kind: "fix",
    time,
    valid: true,
    lat: -33.1,
    lon: 151.2,
    altitudeM: null,
    speedMps: 13.9,
    headingDeg: 271,
    satellites: 9,
    hdop: null,
    accuracyM: null,
    event: null,
    attributes: { ignition: true },
    receivedAt: time,
    storedAt: time,
    late: false,
    buffered: false,
    clockFault: null,
    deviceTime: null,
    smoothed: null,
    matched: null,
  });
});

test("an id above 2^53 survives in JSON and in cursors", async () => {
  const other = await api.device(1, "big");
  const fixId = 2 ** 54;
  await storeFixes(api.database, [
    { deviceId: other, fixId, timeMs: TEST_NOW_MS },
    { deviceId: other, fixId: fixId + 4, timeMs: TEST_NOW_MS },
  ]);
  const pages = await readAll("/v1/devices/big/fixes?limit=1");
  expect(pages.flatMap((page) => page.data.map((fix) => fix.id))).toEqual(["18014398509481984", "18014398509481988"]);
});

test("a position carries its ages and what they make of it", async () => {
  const uid = "user/phone one";
  const url = `/v1/devices/${encodeURIComponent(uid)}/position`;
  const phone = await api.device(1, uid);
  const before = await api.call(secret, "GET", url);
  expect([before.statusCode, before.json().code]).toEqual([404, "no_position"]);

  await storePosition(api.database, { deviceId: phone, fixId: 9, timeMs: TEST_NOW_MS - 61_000 });
  const position = (await api.call(secret, "GET", url)).json();
  expect(position).toMatchObject({ deviceUid: uid, id: "9", lat: -33.1, kind: "fix" });
  expect(position.freshness).toEqual({ fixAgeS: 61, receiveAgeS: 61, state: "delayed" });
  api.clock.nowMs = TEST_NOW_MS + 86_400_000;
  expect((await api.call(secret, "GET", url)).json().freshness.state).toBe("offline");
  api.clock.nowMs = TEST_NOW_MS;
});

test("the positions of all devices come once each, page by page", async () => {
  const fleetId = await api.fleet();
  const reader = await api.key({ fleetId });
  for (let n = 0; n < 5; n++) {
    const id = await api.device(fleetId, `truck ${n}`);
    await storePosition(api.database, { deviceId: id, fixId: 100 + n, timeMs: TEST_NOW_MS });
  }
  await api.device(fleetId, "truck without a position");
  const uids: string[] = [];
  let after = "";
  for (let page = 0; page < 3; page++) {
    const answer = (await api.call(reader, "GET", `/v1/positions?limit=2${after}`)).json();
    uids.push(...answer.data.map((position: { deviceUid: string }) => position.deviceUid));
    expect(answer.has_more).toBe(page < 2);
    after = `&after=${answer.next_cursor}`;
  }
  expect(uids).toEqual([0, 1, 2, 3, 4].map((n) => `truck ${n}`));
});
