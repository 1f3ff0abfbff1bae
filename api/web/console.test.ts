import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { drawRoads, placeOf } from "#stream/roads/sample-roads.ts";
import { storeFixes, storePosition, TEST_NOW_MS } from "../testing.ts";
import {
  accessibilityFindings,
  type BrowserBench,
  hasBrowser,
  openBrowserBench,
  type PageOptions,
} from "./browser-bench.ts";

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

async function openConsole(options: PageOptions = {}): Promise<Page> {
  const page = await bench.open("/", { timezoneId: "Europe/Berlin", ...options });
  await page.getByLabel("API key").fill(key);
  await page.getByLabel("API key").press("Enter");
  await page.getByText("Following live").waitFor();
  return page;
}

const row = (page: Page, name: string) => page.getByRole("list", { name: "Vehicles" }).getByRole("button", { name });
const mapReady = (page: Page) => page.locator('.map[data-ready="true"]').waitFor();

test.skipIf(!hasBrowser)(
  "A key that is not known is refused in words, and a good one opens the list and the map.",
  async () => {
    const page = await bench.open("/");
    await page.getByLabel("API key").fill("tg_live_wrong");
    await page.getByRole("button", { name: "Open the map" }).click();
    await expect.poll(() => page.getByRole("alert").textContent()).toContain("not known");
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Open the map" }).click();
    await mapReady(page);
    expect(await row(page, "Van 7").textContent()).toContain("Live");
    await page.reload();
    await page.getByText("Following live").waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("API key").waitFor();
    expect(await page.evaluate("sessionStorage.length")).toBe(0);
    await page.context().close();
  },
);

test.skipIf(!hasBrowser)("A vehicle moves when a fix is stored; a late fix moves nothing.", async () => {
  const page = await openConsole();
  await row(page, "Van 7").click();
  const details = page.getByRole("region", { name: "Van 7" });
  const before = await details.getByText(/^41\./).textContent();
  await storeFixes(bench.api.database, [{ ...fixAt(0, TEST_NOW_MS - 1), fixId: 7_777, late: true }]);
  await storeFixes(bench.api.database, [fixAt(TRACK_FIXES + 20, TEST_NOW_MS + 5_000)]);
  bench.api.stored();
  await expect.poll(() => details.getByText(/^41\./).textContent()).not.toBe(before);
  const { lat, lon } = placeOf((TRACK_FIXES + 20) * 15, 3);
  expect(await details.getByText(/^41\./).textContent()).toBe(`${lat.toFixed(5)}, ${lon.toFixed(5)}`);
  await page.context().close();
});

test.skipIf(!hasBrowser)(
  "What is not heard any more is called so and never drawn as live, and the console says why it is silent.",
  async () => {
    const page = await openConsole();
    expect(await row(page, "Trailer").textContent()).toMatch(/Offline · 60 min ago/);
    expect(await row(page, "352093080000000").textContent()).toContain("Never heard");
    await page.getByRole("button", { name: /^Offline/ }).click();
    expect(await page.locator(".unit").count()).toBe(1);
    await row(page, "Trailer").click();
    await page.getByText("it may be anywhere now").waitFor();
    await page.getByRole("button", { name: "Why is it silent?" }).click();
    await expect.poll(() => page.locator(".silence li").count()).toBeGreaterThan(0);
    await page.getByRole("button", { name: /^Close/ }).click();
    await page.getByRole("button", { name: /^Offline/ }).click();
    await page.getByLabel("Search").fill("van");
    expect(await page.locator(".unit").allTextContents()).toEqual([expect.stringContaining("Van 7")]);
    await page.context().close();
  },
);

test.skipIf(!hasBrowser)(
  "By keyboard alone: from the key to a vehicle, through its day, and back to the list.",
  async () => {
    const page = await openConsole();
    await page.getByLabel("Search").focus();
    await page.keyboard.type("van");
    while ((await page.locator(":focus").getAttribute("class")) !== "unit") await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator(":focus").textContent()).toBe("Van 7");
    const slider = page.getByRole("slider", { name: "Time of the day" });
    await slider.focus();
    const newest = await slider.getAttribute("aria-valuetext");
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => slider.getAttribute("aria-valuetext")).not.toBe(newest);
    await page.keyboard.press("Home");
    await expect.poll(() => slider.getAttribute("aria-valuetext")).toMatch(/12:40:10|12:40/);
    await page.getByLabel("As reported").focus();
    await page.keyboard.press("Space");
    expect(await page.getByLabel("As reported").isChecked()).toBe(false);
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator(":focus").getAttribute("class")).toBe("unit");
    await page.context().close();
  },
);

test.skipIf(!hasBrowser)("Play runs through the day and another day is another track.", async () => {
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

test.skipIf(!hasBrowser).each([
  { scheme: "light", width: 1_280 },
  { scheme: "dark", width: 1_280 },
  { scheme: "light", width: 390 },
  { scheme: "dark", width: 390 },
] as const)(
  "axe finds nothing in $scheme at $width px, logged out, in the list and in the details.",
  async (options) => {
    const page = await bench.open("/", options);
    expect(await accessibilityFindings(page)).toEqual([]);
    await page.context().close();
    const inside = await openConsole({ ...options, height: 844 });
    await mapReady(inside);
    expect(await accessibilityFindings(inside)).toEqual([]);
    await row(inside, "Van 7").click();
    await inside.getByRole("slider").waitFor();
    expect(await accessibilityFindings(inside)).toEqual([]);
    expect(await inside.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    await inside.context().close();
  },
);

test.skipIf(!hasBrowser)("Light and dark change on the page and keep the vehicles on the map.", async () => {
  const page = await openConsole({ scheme: "dark" });
  await mapReady(page);
  const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
  const dark = await ground();
  await page.getByRole("button", { name: "Light colours" }).click();
  await expect.poll(ground).not.toBe(dark);
  await row(page, "Van 7").click();
  await page.getByRole("region", { name: "Van 7" }).waitFor();
  await page.context().close();
});
