import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, TEST_NOW_MS, type TestApi } from "./testing.ts";

const folder = mkdtempSync(join(tmpdir(), "pages-"));
let built: TestApi;
let unbuilt: TestApi;

beforeAll(async () => {
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>Live map</title>");
  writeFileSync(join(folder, "secret.txt"), "not an asset");
  writeFileSync(join(folder, "assets/index-1a2b.js"), "plain");
  writeFileSync(join(folder, "assets/index-1a2b.js.br"), "compressed");
  [built, unbuilt] = await Promise.all([
    openTestApi({ pagesFolder: folder }),
    openTestApi({ pagesFolder: join(folder, "absent") }),
  ]);
});
afterAll(async () => {
  await built?.close();
  await unbuilt?.close();
  rmSync(folder, { recursive: true });
});

test("the console is at the root, without a key, with a policy that lets nothing in from elsewhere", async () => {
  const { statusCode, body, headers } = await built.app.inject({ url: "/" });
  expect([statusCode, body]).toEqual([200, "<!doctype html><title>Live map</title>"]);
  expect(headers).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
    "x-content-type-options": "nosniff",
  });
  const policy = String(headers["content-security-policy"]);
  expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
  expect(policy).not.toMatch(/https?:|\*|unsafe/);
});

test("assets may be kept for good and are sent as they were compressed ahead", async () => {
  const url = "/assets/index-1a2b.js";
  const plain = await built.app.inject({ url });
  expect([plain.statusCode, plain.body]).toEqual([200, "plain"]);
  expect(plain.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
  const small = await built.app.inject({ url, headers: { "accept-encoding": "gzip, br" } });
  expect([small.headers["content-encoding"], small.body]).toEqual(["br", "compressed"]);
});

test("nothing beside the assets is served", async () => {
  for (const url of [
    "/secret.txt",
    "/assets/../secret.txt",
    "/assets/%2e%2e/secret.txt",
    "/assets/",
    "/assets/none.js",
  ]) {
    const { statusCode, body } = await built.app.inject({ url });
    expect([url, statusCode >= 400, body.includes("not an asset")]).toEqual([url, true, false]);
  }
});

test("where the pages were not built the root says how to, and the API serves", async () => {
  const answer = await unbuilt.app.inject({ url: "/" });
  expect([answer.statusCode, answer.json().code]).toEqual([503, "page_not_built"]);
  expect((await unbuilt.app.inject({ url: "/healthz" })).statusCode).toBe(200);
});

test("the page learns the server's time and from which ages a position is not live", async () => {
  expect((await built.app.inject({ url: "/console.json" })).json()).toEqual({
    now: new Date(TEST_NOW_MS).toISOString(),
    freshness: { delayedS: 60, staleS: 300, offlineS: 1_800 },
  });
});

test("the page of documentation shows our name and sign, not the framework's", async () => {
  const page = await built.app.inject({ url: "/docs/" });
  expect(page.body).toContain("<title>Telematics gateway API</title>");
  const initializer = await built.app.inject({ url: "/docs/static/swagger-initializer.js" });
  expect(initializer.body).toContain("data:image/svg+xml;base64,");
});
