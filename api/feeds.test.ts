import { afterAll, beforeAll, expect, test } from "vitest";
import { FEED_CURSOR_DAYS_MAX } from "./limits.ts";
import { openTestApi, settleFeeds, storeEvents, storeFixes, TEST_NOW_MS, type TestApi } from "./testing.ts";

let api: TestApi;
let secret: string;

beforeAll(async () => {
  api = await openTestApi();
  secret = await api.key({ fleetId: 1, scopes: ["fixes:read", "events:read"] });
  const deviceId = await api.device(1, "352093081234567");
  const fix = (n: number) => ({ deviceId, fixId: 1024 + n, timeMs: TEST_NOW_MS - n * 1000, late: n > 0 });
  for (let n = 0; n < 5; n++) await storeFixes(api.database, [fix(2 * n), fix(2 * n + 1)]);
  await storeEvents(api.database, 1, [
    { id: "e1", deviceId, type: "device.connected" },
    { id: "e2", deviceId, type: "device.disconnected", data: { reason: "idle" } },
  ]);
  await settleFeeds(api.database);
});

afterAll(() => api?.close());

test.each([1, 3, 1000])("the fixes feed gives each fix once in commit order, %i a page", async (limit) => {
  const ids: string[] = [];
  let after = "";
  for (;;) {
    const page = (await api.call(secret, "GET", `/v1/feeds/fixes?limit=${limit}${after}`)).json();
    ids.push(...page.data.map((fix: { id: string }) => fix.id));
    expect(page.poll_after_ms > 0).toBe(!page.has_more);
    after = `&after=${page.next_cursor}`;
    if (!page.has_more) break;
  }
  expect(ids).toEqual(Array.from({ length: 10 }, (_, n) => String(1024 + n)));
  const end = (await api.call(secret, "GET", `/v1/feeds/fixes?limit=${limit}${after}`)).json();
  expect([end.data, end.has_more, typeof end.next_cursor]).toEqual([[], false, "string"]);
});

test("an event in the feed says what happened, when, and to which device", async () => {
  const page = (await api.call(secret, "GET", "/v1/feeds/events")).json();
  expect(page.data.map((event: { id: string }) => event.id)).toEqual(["e1", "e2"]);
  expect(page.data[1]).toMatchObject({
    type: "device.disconnected",
    deviceUid: "352093081234567",
    replayed: false,
    supersedes: null,
    data: { reason: "idle" },
  });
  expect(page.data[1].occurredAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test("a cursor that is too old is answered 410 with the earliest one, which works", async () => {
  const { next_cursor } = (await api.call(secret, "GET", "/v1/feeds/fixes?limit=4")).json();
  api.clock.nowMs = TEST_NOW_MS + FEED_CURSOR_DAYS_MAX * 86_400_000;
  expect((await api.call(secret, "GET", `/v1/feeds/fixes?after=${next_cursor}`)).statusCode).toBe(200);
  api.clock.nowMs += 1;
  const answer = await api.call(secret, "GET", `/v1/feeds/fixes?after=${next_cursor}`);
  expect([answer.statusCode, answer.json().code]).toEqual([410, "cursor_expired"]);
  const again = await api.call(secret, "GET", `/v1/feeds/fixes?after=${answer.json().earliestCursor}`);
  api.clock.nowMs = TEST_NOW_MS;
  expect(again.json().data).toHaveLength(10);
});
