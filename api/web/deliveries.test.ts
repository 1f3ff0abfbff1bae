import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, vi, test as vitestTest } from "vitest";
import { storeJudgedPod } from "../pod/test-forms.ts";
import { storeEvents, storePosition, TEST_NOW_MS } from "../testing.ts";
import { storeTrackedRoute, type TrackedRoute } from "../tracking/tracking-fixture.ts";
import {
  accessibilityFindings,
  type BrowserBench,
  hasBrowser,
  openBrowserBench,
  type PageOptions,
} from "./browser-bench.ts";

// A browser that shares its cores with other tests takes its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let bench: BrowserBench;
let key: string;
let fleetId: number;
let well: TrackedRoute;
let late: TrackedRoute;

beforeAll(async () => {
  if (!hasBrowser) return;
  bench = await openBrowserBench();
  const { api } = bench;
  fleetId = await api.fleet();
  key = await api.key({ fleetId });
  well = await storeTrackedRoute(api.database, TEST_NOW_MS, { fleetId });
  late = await storeTrackedRoute(api.database, TEST_NOW_MS, { fleetId, place: { latDeg: 41.17, lonDeg: -8.6 } });
  await query("update route set name = 'North' where route_id = $1", [late.routeId]);
  await query("update route set name = 'Airport' where route_id = $1", [well.routeId]);
  await query("update stop set window_end = $2 where stop_id = $1", [
    ...[late.stopIds[1], new Date(TEST_NOW_MS - 600_000)],
  ]);
  await storeJudgedPod(api, key, String(late.stopIds[0]));
  await query("update device set name = 'Tracker of ' || uid", []);
  const quiet = await api.device(fleetId, "quiet-one");
  await storePosition(api.database, { deviceId: quiet, fixId: 1, timeMs: TEST_NOW_MS - 3_600_000 });
  await api.call(key, "POST", "/v1/webhooks", { url: "https://example.com/hook" });
  await query("update webhook_endpoint set failing_since = $1", [new Date(TEST_NOW_MS - 60_000)]);
});
afterEach(() => expect(bench?.faults.splice(0) ?? []).toEqual([]));
afterAll(() => bench?.close());

const query = (sql: string, values: unknown[]) => bench.api.database.pool.query(sql, values);

/** A panel of the console; without a map unless a test looks at it. */
async function openPanel(name: string, { as = key, ...options }: PageOptions & { as?: string } = {}): Promise<Page> {
  const page = await bench.open("/", { timezoneId: "UTC", locale: "en-GB", webgl: false, ...options });
  await page.getByLabel("API key").fill(as);
  await page.getByLabel("API key").press("Enter");
  await page.getByRole("tab", { name }).click();
  return page;
}

const routes = (page: Page) => page.getByRole("list", { name: "Routes, late ones first" }).getByRole("button");
const stops = (page: Page) => page.getByRole("list", { name: "Stops in driving order" }).getByRole("button");

async function openStop(page: Page, route: string, stop: number): Promise<void> {
  await routes(page).filter({ hasText: route }).click();
  await stops(page).nth(stop).click();
  await page.getByRole("heading", { name: "What happened" }).waitFor();
}

const test = vitestTest.skipIf(!hasBrowser);

test("Routes with late stops come first, and search finds one by an address or a driver.", async () => {
  const page = await openPanel("Deliveries");
  await expect.poll(() => routes(page).count()).toBe(2);
  expect(await routes(page).first().textContent()).toMatch(/North.*1 \/ 3.*1 late/);
  expect(await page.getByText("2 routes · 1 of 6 stops over · 1 late · 0 at risk").count()).toBe(1);
  await page.getByLabel("Search route, driver, address").fill("airport ana");
  await expect.poll(() => routes(page).count()).toBe(1);
  await page.getByLabel("Day", { exact: true }).fill("2026-11-20");
  await page.getByText("No route on this day.").waitFor();
  await page.context().close();
});

test("By keyboard alone: from the routes to a stop, and back to where one was.", async () => {
  const page = await openPanel("Vehicles");
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => routes(page).count()).toBe(2);
  const focused = () => page.evaluate("document.activeElement.id");
  while ((await focused()) !== `route-${late.routeId}`) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect.poll(focused).toBe("route-title");
  while ((await focused()) !== `stop-${late.stopIds[1]}`) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect.poll(focused).toBe("stop-title");
  await page.getByText("On the way, 10 min late").waitFor();
  await page.keyboard.press("Escape");
  await expect.poll(focused).toBe(`stop-${late.stopIds[1]}`);
  await page.keyboard.press("Escape");
  await expect.poll(focused).toBe(`route-${late.routeId}`);
  await page.context().close();
});

test("A stop shows its proof with verdict and reasons, and takes a person's word beside it.", async () => {
  const page = await openPanel("Deliveries");
  await openStop(page, "North", 0);
  const pod = (await bench.api.call(key, "GET", `/v1/stops/${late.stopIds[0]}/pod`)).json();
  for (const sentence of pod.verdict.explanation) await page.getByText(sentence).waitFor();
  await page.getByText("Proof received: delivered").waitFor();
  await expect.poll(() => page.evaluate("document.querySelector('.verdict-map').naturalWidth")).toBeGreaterThan(0);
  await page.getByText(`Reasons (${pod.verdict.reasons.length})`).click();
  await page.getByText("Say what you make of it").click();
  await page.getByLabel("Accept the proof").check();
  await page.getByRole("button", { name: "Store" }).click();
  await page.getByText("Say why: it stays with the proof.").waitFor();
  await page.getByLabel("Why").fill("The neighbour confirmed it.");
  await page.getByRole("button", { name: "Store" }).click();
  await page.getByText("The neighbour confirmed it.").waitFor();
  await page.getByRole("button", { name: /^Show photo/ }).click();
  const photo = page.getByAltText("Photo of the delivery");
  await photo.waitFor();
  await page.context().close();
});

test("A tracking link is made, opens, and is revoked; a key without the scopes is offered neither.", async () => {
  const page = await openPanel("Deliveries");
  await openStop(page, "Airport", 0);
  await page.getByRole("button", { name: "Make a link" }).click();
  const url = await page.getByLabel("New link, shown this once").inputValue();
  const answer = () => bench.api.app.inject({ url: `/v1/track/${url.split("/t/")[1]}` });
  expect((await answer()).statusCode).toBe(200);
  await page.getByRole("button", { name: /^Revoke/ }).click();
  await page.getByText("None is open.").waitFor();
  expect((await answer()).statusCode).toBe(404);
  await page.context().close();

  const scopes = ["fixes:read", "events:read", "routes:read", "pods:read", "links:read"] as const;
  const narrow = await openPanel("Deliveries", { as: await bench.api.key({ fleetId, scopes: [...scopes] }) });
  await openStop(narrow, "North", 0);
  await narrow.locator(".verdict").waitFor();
  await narrow.getByText("None is open.").waitFor();
  expect(await narrow.getByRole("button", { name: "Make a link" }).count()).toBe(0);
  expect(await narrow.getByText("Say what you make of it").count()).toBe(0);
  await narrow.context().close();
});

test("A stop that comes to be at risk is said aloud and moves its route up, without anybody asking.", async () => {
  const page = await openPanel("Vehicles");
  // What happens before the page listens is not told aloud.
  const listens = page.waitForResponse((response) => response.url().includes("/v1/events/stream?types="));
  await page.getByRole("tab", { name: "Deliveries" }).click();
  await listens;
  await expect.poll(() => routes(page).count()).toBe(2);
  const stopId = well.stopIds[2]!;
  await query("update stop_state set at_risk = true where stop_id = $1", [stopId]);
  await storeEvents(bench.api.database, fleetId, [
    { id: "risk", type: "stop.at_risk", data: { stopId: String(stopId), routeId: String(well.routeId) } },
  ]);
  bench.api.stored();
  await page
    .locator(".console > [role=status]", { hasText: "Rua 2 is at risk of being late" })
    .waitFor({ state: "attached" });
  await expect.poll(() => routes(page).nth(1).textContent()).toContain("1 at risk");
  await page.context().close();
});

test("What needs attention leads to its details and says why.", async () => {
  const page = await openPanel("Attention");
  const silent = page.getByRole("region", { name: /Silent devices/ });
  await silent.getByText("quiet-one").first().waitFor();
  await silent
    .locator(".attention-row", { hasText: "quiet-one" })
    .getByRole("button", { name: "Why is it silent?" })
    .click();
  await silent.locator(".silence li").first().waitFor();
  const failing = page.getByRole("region", { name: /Webhooks failing/ });
  await failing.getByRole("button").click();
  await failing.locator(".silence li").first().waitFor();
  await silent.getByRole("button", { name: /^quiet-one.*details/ }).click();
  await page.getByRole("heading", { name: "quiet-one" }).waitFor();
  await page.context().close();
});

test("axe finds nothing in the day, a route, a stop or the attention list, on a phone or a desk.", async () => {
  for (const [scheme, width] of [
    ["light", 1_280],
    ["dark", 390],
  ] as const) {
    const page = await openPanel("Deliveries", { scheme, width, height: 844 });
    await expect.poll(() => routes(page).count()).toBe(2);
    expect(await accessibilityFindings(page)).toEqual([]);
    await routes(page).filter({ hasText: "North" }).click();
    expect(await accessibilityFindings(page)).toEqual([]);
    await stops(page).first().click();
    await page.locator(".verdict").waitFor();
    await page.getByText("Say what you make of it").click();
    expect(await accessibilityFindings(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    await page.getByRole("tab", { name: "Attention" }).click();
    await page.getByRole("region", { name: /Silent devices/ }).waitFor();
    expect(await accessibilityFindings(page)).toEqual([]);
    await page.context().close();
  }
});

test("On the map the stops of a route stand in their order, each in the shape of how it stands.", async () => {
  const page = await openPanel("Deliveries", { webgl: true, width: 900, height: 500 });
  await page.locator('.map[data-ready="true"]').waitFor();
  await routes(page).filter({ hasText: "North" }).click();
  const marks = page.locator(".stop-mark.on-map");
  await expect.poll(() => marks.allTextContents()).toEqual(["1", "2", "3"]);
  const classes = await page.evaluate(
    "[...document.querySelectorAll('.stop-mark.on-map')].map((mark) => mark.className)",
  );
  expect(classes).toEqual([
    expect.stringContaining("done"),
    expect.stringContaining("late"),
    expect.stringContaining("todo"),
  ]);
  const path = "document.querySelector('.map').maplibre.queryRenderedFeatures({ layers: ['page-route-path'] }).length";
  await expect.poll(() => page.evaluate(path)).toBeGreaterThan(0);
  await marks.nth(1).click();
  await page.getByText("On the way, 10 min late").waitFor();
  await page.context().close();
});
