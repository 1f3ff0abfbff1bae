import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { type Browser, chromium, type Page } from "playwright-core";
import { shootDeliveries, shootReports } from "./console-shots.ts";
import { CHROMIUM_ARGUMENTS, findChromium } from "./find-chromium.ts";

/** `npm run screenshots`: pictures of the console, of tracking pages and of the driver's page on a running demo, into `screenshots/`. */

const FOLDER = join(import.meta.dirname, "screenshots");
const ROOT = join(import.meta.dirname, "../..");
const PORTS = ["HTTP", "TELTONIKA", "QUECLINK", "GT06", "OSMAND", "MQTT"];
const VEHICLES = 24;
/** Long enough for a track worth looking at, and for every vehicle to have spoken. */
const DRIVE_MS = 60_000;
const DRAW_MS = 8_000;
/** Far enough that it is not delivered to while the pictures are taken, near enough that the vehicle shows. */
const STOPS_AHEAD = 3;

const chromiumFound = await findChromium();
if (!("path" in chromiumFound)) throw new Error(chromiumFound.reason);
await mkdir(FOLDER, { recursive: true });
const data = await mkdtemp(join(tmpdir(), "telematics-screenshots-"));
const demo = spawn(process.execPath, ["main.ts", "demo", "--vehicles", String(VEHICLES)], {
  cwd: ROOT,
  env: {
    PATH: dirname(process.execPath),
    DATA_DIR: data,
    ...Object.fromEntries(PORTS.map((name) => [`${name}_PORT`, "0"])),
  },
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const { url, key, links, driverLink, proven } = await readDemo();
  const browser = await chromium.launch({ executablePath: chromiumFound.path, args: CHROMIUM_ARGUMENTS });
  await new Promise((resolve) => setTimeout(resolve, DRIVE_MS));
  await shootTracking(browser, links, await proven);
  await shootDriver(browser, await driverLink);
  await shoot(browser, url, key, { name: "console", width: 1_280, height: 800, scheme: "light" });
  await shoot(browser, url, key, { name: "console-dark", width: 1_280, height: 800, scheme: "dark" });
  await shoot(browser, url, key, { name: "console-phone", width: 390, height: 844, scheme: "light" });
  await shootDeliveries(browser, { url, key, folder: FOLDER });
  await shootReports(browser, { url, key, folder: FOLDER });
  await shootDocs(browser, url);
  await browser.close();
} finally {
  demo.kill("SIGINT");
  await once(demo, "exit");
  await rm(data, { recursive: true, force: true });
}

type Demo = {
  url: string;
  key: string;
  /** Tracking pages by stop; stops of a route follow each other. */
  links: ReadonlyMap<number, string>;
  /** The page of a driver. */
  driverLink: Promise<string>;
  /** The first stop whose proof was corroborated. */
  proven: Promise<number>;
};

/** What the demo prints: its address and key at once, the rest as it happens. */
function readDemo(): Promise<Demo> {
  const lines = createInterface({ input: demo.stdout });
  const links = new Map<number, string>();
  const { promise: proven, resolve: prove } = Promise.withResolvers<number>();
  const { promise: driverLink, resolve: drive } = Promise.withResolvers<string>();
  return new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      const [, url, key] = /^Live map: (\S+)\/ \(key (\S+)\)/.exec(line) ?? [];
      if (url && key) resolve({ url, key, links, driverLink, proven });
      const [, stop, link] = / · stop (\d+), .*: (http\S+)$/.exec(line) ?? [];
      if (stop && link) links.set(Number(stop), link);
      const [, driven] = / works on a phone here: (http\S+)$/.exec(line) ?? [];
      if (driven) drive(driven);
      const [, judged] = /pod\.verdict · stop (\d+) · corroborated$/.exec(line) ?? [];
      if (judged) prove(Number(judged));
    });
    lines.on("close", () => reject(new Error("the demo ended before it said where it listens")));
  });
}

/** The page of a stop that was delivered to, and of one that is ahead. */
async function shootTracking(browser: Browser, links: ReadonlyMap<number, string>, delivered: number): Promise<void> {
  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, locale: "en-GB" };
  for (const [name, stop, colorScheme] of [
    ["track", delivered + STOPS_AHEAD, "light"],
    ["track-dark", delivered + STOPS_AHEAD, "dark"],
    ["track-delivered", delivered, "light"],
  ] as const) {
    const context = await browser.newContext({ ...phone, colorScheme });
    const page = await context.newPage();
    await page.goto(links.get(stop)!);
    await page.waitForTimeout(2 * DRAW_MS);
    await page.screenshot({ path: join(FOLDER, `${name}.png`) });
    await context.close();
  }
}

/** A driver's phone in the middle of the day. */
async function shootDriver(browser: Browser, link: string): Promise<void> {
  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, locale: "en-GB" };
  const context = await browser.newContext({ ...phone, colorScheme: "light" });
  const page = await context.newPage();
  await page.goto(link);
  await page.locator(".stop").first().waitFor();
  await page.waitForTimeout(DRAW_MS / 4);
  await page.screenshot({ path: join(FOLDER, "driver.png") });
  await context.close();
}

type Shot = { name: string; width: number; height: number; scheme: "light" | "dark" };

async function shoot(browser: Browser, url: string, key: string, { name, width, height, scheme }: Shot): Promise<void> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, locale: "en-GB" });
  const page = await context.newPage();
  page.setDefaultTimeout(DRIVE_MS);
  await page.goto(url);
  await page.getByLabel("API key").fill(key);
  await page.getByLabel("API key").press("Enter");
  await page.locator('.map[data-ready="true"]').waitFor();
  await selectMoving(page);
  await page.waitForTimeout(DRAW_MS);
  // Asked again and again from here: the page's policy lets no expression of ours wait inside of it.
  while (!(await page.evaluate("document.querySelector('.map').maplibre.areTilesLoaded()")))
    await page.waitForTimeout(500);
  await page.screenshot({ path: join(FOLDER, `${name}.png`) });
  await context.close();
}

async function shootDocs(browser: Browser, url: string): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1_280, height: 800 } });
  await page.goto(`${url}/docs`);
  await page.locator(".opblock").first().waitFor();
  await page.screenshot({ path: join(import.meta.dirname, "../docs-page.png") });
}

/** The vehicle that drives fastest has the longest track to show. */
async function selectMoving(page: Page): Promise<void> {
  const speeds = await page.locator(".unit-speed").allTextContents();
  const fastest = speeds.reduce(
    (best, text, i) => (Number.parseInt(text, 10) > Number.parseInt(speeds[best]!, 10) ? i : best),
    0,
  );
  await page.locator(".unit").nth(fastest).click();
  await page.getByRole("slider").waitFor();
}
