import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, vi, test as vitestTest } from "vitest";
import { storeTrackedRoute } from "../tracking/tracking-fixture.ts";
import {
  accessibilityFindings,
  type BrowserBench,
  hasBrowser,
  openBrowserBench,
  type PageOptions,
} from "./browser-bench.ts";

// A browser that shares its cores with other tests takes its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const MINUTE_MS = 60_000;
/** Below five routes the report has no intervals. */
const ROUTES = 6;

let bench: BrowserBench;
let key: string;

/** Six routes, two stops of each reached ten minutes ago, one of them later than its P90; the page's days end today. */
beforeAll(async () => {
  if (!hasBrowser) return;
  bench = await openBrowserBench();
  const { api } = bench;
  const fleetId = await api.fleet();
  key = await api.key({ fleetId });
  const arrivedMs = Date.now() - 10 * MINUTE_MS;
  for (let i = 0; i < ROUTES; i++) {
    const { routeId, stopIds } = await storeTrackedRoute(api.database, Date.now(), { fleetId });
    for (const [j, stopId] of stopIds.slice(0, 2).entries()) {
      const at = new Date(arrivedMs);
      await api.database.pool.query(
        "update stop_state set status = 'departed', arrived_at = $2, departed_at = $2 where stop_id = $1",
        [stopId, at],
      );
      const p90 = new Date(arrivedMs + (j === 0 ? -2 : 4) * MINUTE_MS);
      const p50 = new Date(arrivedMs + (j === 0 ? -5 : 1) * MINUTE_MS);
      await api.database.pool.query(
        `insert into eta (commit_xid, fleet_id, route_id, stop_id, computed_at, p10, p50, p90, basis, reason, model_version)
         values (1, $1, $2, $3, $4, $4, $5, $6, 'live', 'position', 1)`,
        [fleetId, routeId, stopId, new Date(arrivedMs - 40 * MINUTE_MS), p50, p90],
      );
    }
  }
});
afterEach(() => expect(bench?.faults.splice(0) ?? []).toEqual([]));
afterAll(() => bench?.close());

async function openReports(options: PageOptions = {}): Promise<Page> {
  const page = await bench.open("/reports", { timezoneId: "UTC", locale: "en-GB", webgl: false, ...options });
  await page.getByLabel("API key").fill(key);
  await page.getByLabel("API key").press("Enter");
  await page.getByRole("table").first().waitFor();
  return page;
}

const test = vitestTest.skipIf(!hasBrowser);

test("Coverage stands in the chart and in the table with its interval, and the days are to be chosen.", async () => {
  const page = await openReports();
  const row = page.getByRole("region", { name: "ETA accuracy by horizon" }).getByRole("row").nth(1);
  expect(await row.innerText()).toMatch(/15–60 min ahead\s+50% \(50% to 50%\)/);
  const chart = page.getByRole("img", { name: /^Share of arrivals by the P90/ });
  expect(await chart.locator(".interval").count()).toBe(1);
  expect(await chart.locator(".target").count()).toBe(1);
  expect(await chart.locator(".value").textContent()).toBe("50%");
  await page.getByLabel("From", { exact: true }).fill("2026-01-01");
  await page.getByLabel("To", { exact: true }).fill("2026-01-31");
  await page.getByText("No stop with an ETA was reached on these days.").waitFor();
  await page.getByText("No stop came to an end on these days.").waitFor();
  await page.getByRole("button", { name: "30 days" }).click();
  await chart.waitFor();
  await page.context().close();
});

test("Key figures can be had by driver with their names, and as a file.", async () => {
  const page = await openReports();
  await page.getByText("of 12 stops with a window").waitFor();
  await page.getByLabel("A row for each").selectOption("driver");
  const table = page.getByRole("region", { name: "Key figures by driver" });
  await expect.poll(() => table.getByRole("rowheader").allTextContents()).toEqual(Array(ROUTES).fill("Ana"));
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download CSV of key figures" }).click(),
  ]);
  expect(file.suggestedFilename()).toMatch(/^kpis-.*\.csv$/);
  await page.context().close();
});

test("axe finds nothing in the reports on a phone or a desk, and a phone does not scroll sideways.", async () => {
  for (const [scheme, width] of [
    ["light", 1_280],
    ["dark", 390],
  ] as const) {
    const page = await openReports({ scheme, width, height: 844 });
    await page.getByRole("region", { name: "Key figures by day" }).getByRole("rowheader").first().waitFor();
    expect(await accessibilityFindings(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    await page.context().close();
  }
});
