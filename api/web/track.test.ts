import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { TEST_NOW_MS } from "../testing.ts";
import { placeVehicle, storeTrackedRoute, type TrackedRoute } from "../tracking/tracking-fixture.ts";
import { accessibilityFindings, type BrowserBench, hasBrowser, openBrowserBench } from "./browser-bench.ts";

// A browser that shares its cores with other tests takes its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const PHONE = { width: 390, height: 844, locale: "en-GB" };
const DESKTOP = { width: 1_280, height: 800, locale: "en-GB" };
/** What the page may weigh before its map, compressed. */
const PAGE_BYTES_MAX = 60_000;
/** How long the map takes to zoom. */
const ZOOMED_MS = 600;
const FOCUSED_NAME = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent";

describe.skipIf(!hasBrowser)("the tracking page", () => {
  let bench: BrowserBench;
  let secret: string;

  beforeAll(async () => {
    bench = await openBrowserBench();
    secret = await bench.api.key();
  });

  afterAll(() => bench?.close());

  afterEach(() => {
    expect(bench.faults.splice(0)).toEqual([]);
  });

  const link = async (route: TrackedRoute, body: object = {}) => {
    const made = (await bench.api.call(secret, "POST", `/v1/stops/${route.stopIds[0]}/links`, body)).json();
    return { id: made.id as string, path: `/t/${made.token}` };
  };
  const hero = (page: Page) => page.locator("#hero").innerText();
  const query = (sql: string, values: unknown[]) => bench.api.database.pool.query(sql, values);

  test("shows the time of arrival before any script has run, and weighs little before its map", async () => {
    const route = await storeTrackedRoute(bench.api.database, TEST_NOW_MS);
    const { path } = await link(route);
    const bare = await bench.open(path, { ...PHONE, javaScriptEnabled: false });
    expect(await hero(bare)).toMatch(/12:05 – 12:20[\s\S]*Latest by 12:20/);
    expect(await bare.locator("#map-card").isVisible()).toBe(false);

    const html = await bench.api.app.inject({ url: path });
    const assets = [...html.body.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((found) => found[1]!);
    expect(assets.length).toBeGreaterThanOrEqual(3);
    const bodies = await Promise.all(assets.map((url) => bench.api.app.inject({ url })));
    const bytes = [html, ...bodies].reduce((sum, { rawPayload }) => sum + gzipSync(rawPayload).length, 0);
    process.stdout.write(
      `tracking page before its map: ${bytes} bytes gzip, unminified, in ${assets.length + 1} files\n`,
    );
    expect(bytes).toBeLessThan(PAGE_BYTES_MAX);
    await bare.context().close();
  });

  test("follows the vehicle and the state as they change, without being loaded again", async () => {
    const route = await storeTrackedRoute(bench.api.database, TEST_NOW_MS);
    const { path } = await link(route);
    const page = await bench.open(path, DESKTOP);
    await page.locator("#map canvas").waitFor();
    await page.getByRole("img", { name: "Vehicle" }).waitFor();
    expect(await hero(page)).toContain("You are the next stop");
    await page.waitForFunction("performance.getEntriesByName('first-contentful-paint').length > 0");
    const paintedMs = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime");
    process.stdout.write(
      `tracking page: first state painted ${Math.round(Number(paintedMs))} ms after it was asked for\n`,
    );
    expect(await page.locator("#map-card").isVisible()).toBe(true);

    // Whoever moves the map keeps it: from here on only the vehicle moves.
    await page.getByRole("button", { name: "Zoom out" }).click();
    await page.getByRole("button", { name: "Show vehicle and address" }).waitFor();
    await page.waitForTimeout(ZOOMED_MS);
    const top = async () => (await page.locator(".vehicle").boundingBox())!.y;
    const before = await top();
    const { vehicleId, vehicle } = route;
    const nearer = { vehicleId, fleetId: 1, lonDeg: vehicle.lonDeg, latDeg: vehicle.latDeg + 0.002 };
    await placeVehicle(bench.api.database, { ...nearer, timeMs: TEST_NOW_MS - 1_000 });
    await expect.poll(async () => before - (await top())).toBeGreaterThan(5);
    await page.getByRole("button", { name: "Show vehicle and address" }).click();
    await query("update stop_state set status = 'approaching' where stop_id = $1", [route.stopIds[0]]);
    await page.getByRole("heading", { name: "Almost there" }).waitFor();
    expect(await page.locator("#spoken").innerText()).toContain("Almost there");
    await query("update stop_state set status = 'arrived', arrived_at = $2 where stop_id = $1", [
      route.stopIds[0],
      new Date(TEST_NOW_MS),
    ]);
    await page.getByRole("heading", { name: "Your driver has arrived" }).waitFor();
    await page.context().close();
  });

  test("says that it is over, and lets go when the link is revoked", async () => {
    const route = await storeTrackedRoute(bench.api.database, TEST_NOW_MS);
    const { path, id } = await link(route);
    const page = await bench.open(path, PHONE);
    await query("update stop_state set status = 'departed', departed_at = $2 where stop_id = $1", [
      route.stopIds[0],
      new Date(TEST_NOW_MS),
    ]);
    await page.getByRole("heading", { name: "Your driver has been here" }).waitFor();
    expect(await page.locator("#map-card").isVisible()).toBe(false);
    await bench.api.call(secret, "DELETE", `/v1/stops/${route.stopIds[0]}/links/${id}`);
    await page.getByRole("heading", { name: "This link does not lead anywhere" }).waitFor();
    await page.reload();
    expect(await page.getByRole("heading", { level: 1 }).innerText()).toBe("This link does not lead anywhere");
    expect(await accessibilityFindings(page)).toEqual([]);
    await page.context().close();
  });

  test.each([
    ["phone, light", { ...PHONE, scheme: "light" as const }],
    ["desktop, dark", { ...DESKTOP, scheme: "dark" as const }],
  ])("can be used by everybody: %s", async (_name, options) => {
    const route = await storeTrackedRoute(bench.api.database, TEST_NOW_MS);
    const { path } = await link(route);
    const page = await bench.open(path, options);
    await page.getByRole("img", { name: "Vehicle" }).waitFor();
    expect(await accessibilityFindings(page)).toEqual([]);
    const wider = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
    expect(wider).toBe(false);
    const reached = new Set<string>();
    for (let presses = 0; presses < 9; presses++) {
      await page.keyboard.press("Tab");
      reached.add(String(await page.evaluate(FOCUSED_NAME)));
    }
    expect([...reached].join("|")).toMatch(/Map of the vehicle[\s\S]*Call \+351[\s\S]*E-mail/);
    await page.context().close();
  });
});
