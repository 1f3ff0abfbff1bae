import { join } from "node:path";
import type { Browser, Page } from "playwright-core";

/** Pictures of the panel of deliveries and of the reports, on a demo that has run until proofs came in. */

const WAIT_MS_MAX = 120_000;
const DRAW_MS = 6_000;
const DESK = { width: 1_280, height: 860 };
const PHONE = { width: 390, height: 844 };

type Shot = { url: string; key: string; folder: string };

/** A stop with its proof and verdict beside its route on the map; on a phone, in the dark, the routes of the day. */
export async function shootDeliveries(browser: Browser, { url, key, folder }: Shot): Promise<void> {
  const desk = await openConsole(browser, url, key, DESK, "light");
  await desk.locator('.map[data-ready="true"]').waitFor();
  const withProof = desk.locator(".stop-row", { hasText: /proof/ });
  for (let i = 0; i < (await desk.locator(".route-row").count()); i++) {
    await desk.locator(".route-row").nth(i).click();
    if ((await withProof.count()) > 0) break;
    await desk.keyboard.press("Escape");
  }
  await desk.locator(".stop-mark.on-map").first().waitFor();
  const disputed = desk.locator(".stop-row", { hasText: "proof contradicted" });
  await ((await disputed.count()) > 0 ? disputed : withProof).first().click();
  await desk.locator(".verdict").waitFor();
  await desk.locator(".verdict").scrollIntoViewIfNeeded();
  await drawn(desk);
  await desk.screenshot({ path: join(folder, "deliveries.png") });
  await desk.context().close();

  const phone = await openConsole(browser, url, key, PHONE, "dark");
  await phone.locator('.map[data-ready="true"]').waitFor();
  await drawn(phone);
  await phone.screenshot({ path: join(folder, "deliveries-phone.png") });
  await phone.context().close();
}

export async function shootReports(browser: Browser, { url, key, folder }: Shot): Promise<void> {
  const page = await openPage(browser, `${url}/reports`, key, DESK, "light");
  for (const name of ["ETA accuracy by horizon", "Key figures by day"]) {
    await page.getByRole("region", { name }).getByRole("rowheader").first().waitFor();
  }
  await page.screenshot({ path: join(folder, "reports.png"), fullPage: true });
  await page.context().close();
}

type Size = { width: number; height: number };

async function openPage(browser: Browser, url: string, key: string, viewport: Size, scheme: "light" | "dark") {
  const context = await browser.newContext({ viewport, colorScheme: scheme, locale: "en-GB" });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  await page.goto(url);
  await page.getByLabel("API key").fill(key);
  await page.getByLabel("API key").press("Enter");
  return page;
}

async function openConsole(browser: Browser, url: string, key: string, size: Size, scheme: "light" | "dark") {
  const page = await openPage(browser, url, key, size, scheme);
  await page.getByRole("tab", { name: "Deliveries" }).click();
  await page.locator(".route-row").first().waitFor();
  return page;
}

/** Asked again and again from here: the page's policy lets no expression of ours wait inside of it. */
async function drawn(page: Page): Promise<void> {
  await page.waitForTimeout(DRAW_MS);
  while (!(await page.evaluate("document.querySelector('.map').maplibre.areTilesLoaded()"))) {
    await page.waitForTimeout(500);
  }
}
