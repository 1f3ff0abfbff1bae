import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, vi, test as vitestTest } from "vitest";
import { drawRoads, placeOf } from "#stream/roads/sample-roads.ts";
import { storeFixes, storePosition, TEST_NOW_MS } from "../testing.ts";
import {
  accessibilityFindings,
  type BrowserBench,
  hasBrowser,
  openBrowserBench,
  type PageOptions,
} from "./browser-bench.ts";

// A browser that shares its cores with other tests takes its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const TRACKER = "352093081234567";
const QUIET = "352093089999999";
/** A fix every ten seconds for twenty minutes, eastwards. */
const TRACK_FIXES = 120;
const STEP_MS = 10_000;

let bench: BrowserBench;
let key: string;
let device: { tracker: number; quiet: number };

beforeAll(async () => {
  if (!hasBrowser) return;
  const roads = await drawRoads([
    {
      id: 1,
      line: [
        [-500, 0],
        [3_000, 0],
      ],
      tags: { highway: "primary", name: "Rua Única" },
    },
    {
      id: 2,
      line: [
        [600, -400],
        [600, 400],
      ],
    },
  ]);
  bench = await openBrowserBench({ roads });
  const { api } = bench;
  const fleetId = await api.fleet();
  key = await api.key({ fleetId });
  device = { tracker: await api.device(fleetId, TRACKER), quiet: await api.device(fleetId, QUIET) };
  await api.device(fleetId, "352093080000000");
  await api.database.pool.query("update device set name = 'Van 7' where device_id = $1", [device.tracker]);
  await api.database.pool.query("update device set name = 'Trailer' where device_id = $1", [device.quiet]);
  const fixes = Array.from({ length: TRACK_FIXES }, (_, i) => fixAt(i, TEST_NOW_MS - (TRACK_FIXES - 1 - i) * STEP_MS));
  await storeFixes(api.database, fixes);
  await storePosition(api.database, fixes.at(-1)!);
  const hourAgo = { ...fixAt(60, TEST_NOW_MS - 3_600_000), deviceId: device.quiet, fixId: 9_000 };
  await storePosition(api.database, hourAgo);
});
afterEach(() => expect(bench?.faults.splice(0) ?? []).toEqual([]));
afterAll(() => bench?.close());

function fixAt(step: number, timeMs: number) {
  const { lat, lon } = placeOf(step * 15, 3);
  return { deviceId: device.tracker, fixId: 1_000 + step, timeMs, lat, lon };
}

/** What is on the canvas: name, sign, longitude and latitude of each vehicle. */
const DRAWN = `document.querySelector(".map").maplibre.queryRenderedFeatures({ layers: ["page-vehicle-symbols"] }).map(
  ({ properties: { name, marker }, geometry: { coordinates } }) => [name, [marker, ...coordinates]])`;

/** Without a map unless a test looks at it: software that draws WebGL is slow. */
async function openConsole(options: PageOptions = {}): Promise<Page> {
  const page = await bench.open("/", { timezoneId: "Europe/Berlin", webgl: false, ...options });
  await page.getByLabel("API key").fill(key);
  await page.getByLabel("API key").press("Enter");
  await page.getByText("Following live").waitFor();
  return page;
}

const row = (page: Page, name: string) => page.getByRole("list", { name: "Vehicles" }).getByRole("button", { name });

const test = vitestTest.skipIf(!hasBrowser);

test("A key that is not known is refused in words; a good one is kept for the tab until one signs out.", async () => {
  const page = await bench.open("/", { webgl: false });
  await page.getByLabel("API key").fill("tg_live_wrong");
  await page.getByRole("button", { name: "Open the map" }).click();
  await page.getByText("not known").waitFor();
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Open the map" }).click();
  await row(page, "Van 7").getByText("Live").waitFor();
  await page.reload();
  await page.getByText("Following live").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").waitFor();
  expect(await page.evaluate("sessionStorage.length")).toBe(0);
  await page.context().close();
});

test("What is not heard any more is called so, and the console says why it is silent.", async () => {
  const page = await openConsole();
  await row(page, "Trailer")
    .getByText(/Offline · 60 min ago/)
    .waitFor();
  await row(page, "352093080000000").getByText("Never heard").waitFor();
  await page.getByRole("button", { name: /^Offline/ }).click();
  await expect.poll(() => page.locator(".unit").count()).toBe(1);
  await row(page, "Trailer").click();
  await page.getByText("it may be anywhere now").waitFor();
  await page.getByRole("button", { name: "Why is it silent?" }).click();
  await page.locator(".silence li").first().waitFor();
  await page.getByRole("button", { name: /^Close/ }).click();
  await page.getByRole("button", { name: /^Offline/ }).click();
  await page.getByLabel("Search").fill("van");
  await expect.poll(() => page.locator(".unit").allTextContents()).toEqual([expect.stringContaining("Van 7")]);
  await page.context().close();
});

test("A connection that is cut is said to be lost, and what was stored meanwhile comes when it is back.", async () => {
  const page = await openConsole();
  const streams = "**/v1/events/stream*";
  await page.route(streams, (route) => route.abort());
  bench.api.app.server.closeAllConnections();
  await page.locator("header").getByText("Connection lost, trying again").waitFor();
  await row(page, "Trailer").getByText("Offline").waitFor();
  const there = placeOf(400, 5);
  await storeFixes(bench.api.database, [
    { deviceId: device.quiet, fixId: 9_001, timeMs: TEST_NOW_MS - 1_000, lat: there.lat, lon: there.lon },
  ]);
  bench.api.stored();
  await page.unroute(streams);
  await row(page, "Trailer").getByText("Live").waitFor();
  await page.getByText("Following live").waitFor();
  await page.context().close();
  await bench.api.database.pool.query("delete from fix where fix_id = 9001");
});

test("A map that can't be drawn says why: the browser has no WebGL, or the server does not answer.", async () => {
  const without = await openConsole();
  await without.getByText("This browser can't draw the map (WebGL). The list shows everything.").waitFor();
  await without.context().close();
  const page = await bench.open("/", { width: 900, height: 500 });
  await page.route("**/tiles/style.json*", (route) => route.abort());
  await page.getByLabel("API key").fill(key);
  await page.getByLabel("API key").press("Enter");
  await page.getByText("reload the page to try again").waitFor();
  await row(page, "Van 7").waitFor();
  await page.context().close();
});

test("A name is text wherever it is shown, whatever it looks like.", async () => {
  const name = `<img src=x onerror="document.title='owned'">{name} & "Co"`;
  await bench.api.database.pool.query("update device set name = $1 where uid = '352093080000000'", [name]);
  const page = await openConsole();
  await row(page, name).click();
  await page.getByRole("heading", { name, exact: true }).waitFor();
  expect(await page.locator(".console img").count()).toBe(0);
  expect(await page.title()).not.toBe("owned");
  await page.context().close();
  await bench.api.database.pool.query("update device set name = null where uid = '352093080000000'");
});

test("By keyboard alone: from the list to a vehicle, through its day, and back to the list.", async () => {
  const page = await openConsole();
  await page.getByLabel("Search").focus();
  await page.keyboard.type("van");
  while ((await page.locator(":focus").getAttribute("class")) !== "unit") await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator(":focus").textContent()).toBe("Van 7");
  const slider = page.getByRole("slider", { name: "Time of the day" });
  await expect.poll(() => slider.getAttribute("max")).toBe(String(TRACK_FIXES - 1));
  await slider.focus();
  const timeShown = () => slider.getAttribute("aria-valuetext");
  await expect.poll(timeShown).toMatch(/^01:00:00 PM, 50 km\/h/);
  await page.keyboard.press("ArrowLeft");
  await expect.poll(timeShown).toMatch(/^12:59:50 PM/);
  await page.keyboard.press("Home");
  await expect.poll(timeShown).toMatch(/^12:40:10 PM/);
  await page.getByLabel("As reported").focus();
  await page.keyboard.press("Space");
  await expect.poll(() => page.getByLabel("As reported").isChecked()).toBe(false);
  await page.keyboard.press("Escape");
  await expect.poll(() => page.locator(":focus").getAttribute("class")).toBe("unit");
  await page.context().close();
});

test("Play runs through the day, and another day is another track.", async () => {
  const page = await openConsole();
  await row(page, "Van 7").click();
  const slider = page.getByRole("slider", { name: "Time of the day" });
  await slider.press("Home");
  await page.getByRole("button", { name: "Play" }).click();
  await expect.poll(async () => Number(await slider.inputValue())).toBeGreaterThan(5);
  await page.getByLabel("Day", { exact: true }).fill("2026-11-20");
  await page.getByText("No position on this day.").waitFor();
  await page.context().close();
});

test("axe finds nothing on a phone or a desk, light or dark, logged out, in the list or in the details.", async () => {
  for (const [scheme, width] of [
    ["light", 1_280],
    ["dark", 390],
  ] as const) {
    const out = await bench.open("/", { scheme, width, webgl: false });
    await out.getByLabel("API key").waitFor();
    expect(await accessibilityFindings(out)).toEqual([]);
    await out.context().close();
    const page = await openConsole({ scheme, width, height: 844 });
    expect(await accessibilityFindings(page)).toEqual([]);
    await row(page, "Trailer").click();
    await page.getByText("No position on this day.").waitFor();
    expect(await accessibilityFindings(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    await page.context().close();
  }
});

test("On the map a vehicle is drawn by its state, moves when a fix is stored, and outlives a change to dark.", async () => {
  const page = await openConsole({ webgl: true, width: 900, height: 500 });
  const map = page.locator('.map[data-ready="true"]');
  await map.waitFor();
  const markers = async () => Object.fromEntries((await page.evaluate(DRAWN)) as [string, unknown[]][]);
  await expect.poll(markers).toMatchObject({
    "Van 7": expect.arrayContaining(["page-live-moving"]),
    Trailer: expect.arrayContaining(["page-offline-parked"]),
  });
  const before = (await markers())["Van 7"]!;
  await row(page, "Van 7").click();
  const there = placeOf((TRACK_FIXES + 20) * 15, 3);
  await storeFixes(bench.api.database, [{ ...fixAt(0, TEST_NOW_MS + 9_000), fixId: 7_777, late: true }]);
  await storeFixes(bench.api.database, [fixAt(TRACK_FIXES + 20, TEST_NOW_MS + 5_000)]);
  bench.api.stored();
  await page.getByText(`${there.lat.toFixed(5)}, ${there.lon.toFixed(5)}`).waitFor();
  await expect
    .poll(async () => (await markers())["Van 7"])
    .toEqual(["page-live-moving", expect.closeTo(there.lon, 4), expect.closeTo(there.lat, 4)]);
  expect(before[1]).toBeLessThan(there.lon);
  await page.getByRole("button", { name: "Dark colours" }).click();
  await expect.poll(() => page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(15, 20, 23)");
  expect(await accessibilityFindings(page)).toEqual([]);
  await expect.poll(async () => Object.keys(await markers())).toContain("Van 7");
  await page.context().close();
});
