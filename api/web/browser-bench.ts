import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { build } from "vite";
import { openTestApi, type TestApi } from "../testing.ts";
import { CHROMIUM_ARGUMENTS, findChromium } from "./find-chromium.ts";

const found = await findChromium();
if ("reason" in found) process.stderr.write(`Browser tests are skipped: ${found.reason}\n`);

/** Whether browser tests can run here: `test.skipIf(!hasBrowser)`. */
export const hasBrowser = "path" in found;

export type PageOptions = BrowserContextOptions & {
  scheme?: "light" | "dark";
  width?: number;
  height?: number;
  /** False: the browser has no WebGL, as some have not. Without a map drawn in software a page is many times faster. */
  webgl?: boolean;
};

export type BrowserBench = {
  api: TestApi;
  browser: Browser;
  /** Where the API listens: `http://127.0.0.1:port`. */
  url: string;
  /** A page of its own context (storage, cookies) at a path of the API. */
  open(path: string, options?: PageOptions): Promise<Page>;
  /** What went wrong on any page: errors, refusals of the content security policy, requests to another host. */
  faults: string[];
  close(): Promise<void>;
};

const WIDTH_PX = 1_280;
const HEIGHT_PX = 800;
/** Machines that run many tests at once are slow. */
const WAIT_MS_MAX = 50_000;
const WITHOUT_WEBGL =
  "HTMLCanvasElement.prototype.getContext = new Proxy(HTMLCanvasElement.prototype.getContext, { apply: (get, canvas, [kind, ...rest]) => (kind.startsWith('webgl') ? null : get.call(canvas, kind, ...rest)) })";

/** The API listening on a database of its own, with the pages built from the sources as they are, and a Chromium. */
export async function openBrowserBench(options: Parameters<typeof openTestApi>[0] = {}): Promise<BrowserBench> {
  if (!("path" in found)) throw new Error(found.reason);
  const pagesFolder = await mkdtemp(join(tmpdir(), "telematics-pages-"));
  await buildPages(pagesFolder);
  const api = await openTestApi({ ...options, pagesFolder });
  await api.app.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${(api.app.server.address() as AddressInfo).port}`;
  const browser = await chromium.launch({ executablePath: found.path, args: CHROMIUM_ARGUMENTS });
  const faults: string[] = [];
  return {
    api,
    browser,
    url,
    faults,
    open: async (path, { scheme, width = WIDTH_PX, height = HEIGHT_PX, webgl = true, ...context } = {}) => {
      const colorScheme = scheme ?? "light";
      const opened = await browser.newContext({ viewport: { width, height }, colorScheme, ...context });
      const page = await opened.newPage();
      page.setDefaultTimeout(WAIT_MS_MAX);
      if (!webgl) await page.addInitScript(WITHOUT_WEBGL);
      watchFaults(page, url, faults);
      await page.goto(url + path);
      return page;
    },
    close: async () => {
      await browser.close();
      await api.close();
      await rm(pagesFolder, { recursive: true });
    },
  };
}

async function buildPages(outDir: string): Promise<void> {
  await build({
    configFile: `${import.meta.dirname}/vite.config.ts`,
    mode: "test",
    logLevel: "error",
    build: { outDir, minify: false },
  });
}

function watchFaults(page: Page, url: string, faults: string[]): void {
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // Answers of our own API that a test asks for on purpose, a wrong key among them.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      faults.push(`console: ${message.text()}`);
    }
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) faults.push(`asked ${request.url()}`);
  });
}

type AxeViolation = { id: string; impact: string | null; nodes: { target: string[]; failureSummary?: string }[] };

/** What axe finds on a page by WCAG 2.2 AA, moderate findings and worse, each as one line. */
export async function accessibilityFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const options = JSON.stringify({ runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
  const violations = (await page.evaluate(
    `axe.run(document, ${options}).then(({ violations }) => violations)`,
  )) as AxeViolation[];
  return violations
    .filter(({ impact }) => impact !== "minor")
    .flatMap(({ id, impact, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${impact} ${id}: ${target.join(" ")} ${failureSummary ?? ""}`),
    );
}
