import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import type { Page } from "playwright-core";
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { openPhoneListener } from "#api";
import { storeDriverDay } from "#api/driver/driver-fixture.ts";
import type { HandPositions } from "#api/driver/phone-listener.ts";
import { testPng } from "#api/pod/test-images.ts";
import { accessibilityFindings, type BrowserBench, hasBrowser, openBrowserBench } from "#api/web/browser-bench.ts";
import { findDecoder } from "#decoders";
import { openGateway } from "#gateway";
import {
  type Database,
  listen,
  openDatabase,
  openDeviceDirectory,
  openJournalReader,
  openPostgresJournal,
  quarantineRejected,
  recordKnocks,
  verifyPassword,
} from "#store";
import { openTestDatabase } from "#store/testing.ts";
import { openStream } from "#stream";

// A browser that shares its cores with other tests takes its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

/** The driver's page in a real browser, with a gateway and a stream behind the API: what a phone keeps is stored once. */

const PHONE = { width: 390, height: 844, locale: "en-GB", webgl: false };
const START = { latitude: 57.7, longitude: 11.97, accuracy: 8 };
const STEP_DEG = 0.001;
/** The page keeps a moving phone's positions at most this often. */
const STEP_MS = 1_300;
const WAIT = { timeout: 50_000, interval: 200 };

describe.skipIf(!hasBrowser)("the driver's page", () => {
  let bench: BrowserBench;
  let secret: string;
  let database: Database;
  /** Answers of the gateway that get lost on their way to the phone. */
  let answersToLose = 0;
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    const server = await openTestDatabase();
    closers.push(() => server.close());
    const { url } = server;
    database = await openDatabase({ url, applicationName: "driver page test" });
    const port = await openGatewayAndStream(url);
    const hand = openPhoneListener(`http://127.0.0.1:${port}`);
    const handPositions: HandPositions = async (device, locations) => {
      const handed = await hand(device, locations);
      if (handed.kind === "stored" && answersToLose-- > 0) return { kind: "away", detail: "The answer is lost." };
      return handed;
    };
    bench = await openBrowserBench({ database, handPositions });
    bench.api.clock.nowMs = Date.now();
    secret = await bench.api.key();
  });

  afterAll(async () => {
    await bench?.close();
    for (const close of closers.reverse()) await close();
  });

  afterEach(() => {
    expect(bench.faults.splice(0)).toEqual([]);
  });

  async function openGatewayAndStream(url: string): Promise<number> {
    const log = pino({ level: "silent" });
    const journal = await openPostgresJournal({ url, pendingBytesMax: 1_000_000 });
    closers.push(() => journal.close());
    const directory = await openDeviceDirectory(database);
    closers.push(() => directory.close());
    const gateway = await openGateway({
      limits: {
        ...{ HOST: "127.0.0.1", CONNECTIONS_MAX: 100, CONNECTIONS_PER_ADDRESS_MAX: 100, LOGIN_TIMEOUT_MS: 10_000 },
        ...{ IDLE_TIMEOUT_MS: 60_000, FRAME_TIMEOUT_MS: 30_000, DRAIN_TIMEOUT_MS: 1_000 },
        ...{ PROXY_PROTOCOL: false, AUTO_REGISTER: false },
      },
      listeners: [{ protocol: "osmand", transport: "http", port: 0 }],
      ...{ findDecoder, journal, verifyPassword, log, now: Date.now, metrics: new Registry() },
      findDevice: (uid) => directory.find(uid),
      registerDevice: () => Promise.resolve(undefined),
      recordKnocks: (knocks) => recordKnocks(database, knocks),
      quarantineRejected: (rows) => quarantineRejected(database, rows),
      monotonicMs: () => performance.now(),
    });
    closers.push(() => gateway.drain());
    const stream = await openStream({
      ...{ database, journal: openJournalReader(database), findDecoder, log, registry: new Registry(), silentS: 1_800 },
      listen: (channels, heard) => listen(url, Object.fromEntries(channels.map((name) => [name, () => heard(name)]))),
    });
    closers.push(() => stream.close());
    return gateway.listeners[0]!.port;
  }

  const open = (token: string, options: object = {}) =>
    bench.open(`/d/${token}`, { ...PHONE, geolocation: START, permissions: ["geolocation"], ...options });
  const queue = (page: Page) => page.locator(".queue").innerText();
  const count = async (table: string, column: string, value: string): Promise<number> =>
    Number((await database.pool.query(`select count(*) from ${table} where ${column} = $1`, [value])).rows[0].count);
  const fixesOf = async (driverId: string): Promise<number[]> => {
    const { rows } = await database.pool.query<{ latDeg: number }>(
      `select f.lat_deg as "latDeg" from fix f join device d on d.device_id = f.device_id where d.uid = $1 order by 1`,
      [`driver/${driverId}`],
    );
    return rows.map(({ latDeg }) => Math.round((latDeg - START.latitude) / STEP_DEG));
  };
  const move = async (page: Page, step: number) => {
    await sleep(STEP_MS);
    await page.context().setGeolocation({ ...START, latitude: START.latitude + step * STEP_DEG });
  };

  test("killed while it is offline with a queue, it sends everything when it is back, and all is stored once", async () => {
    const day = await storeDriverDay(bench.api, secret, { nowMs: Date.now() });
    const [stopId] = day.stopIds;
    const page = await open(day.token);
    const context = page.context();
    await page.getByRole("heading", { name: "Hello Ana" }).waitFor();
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)");
    await page.getByRole("button", { name: "Share my location" }).click();
    await expect.poll(() => fixesOf(day.driverId), WAIT).toEqual([0]);

    await context.setOffline(true);
    for (const step of [1, 2, 3]) {
      await move(page, step);
      await expect.poll(() => queue(page), WAIT).toMatch(new RegExp(`\\b${step} positions?\\b`));
    }
    await page.getByRole("button", { name: "I am here" }).click();
    await page.getByText("You said you arrived at").waitFor();
    await page.getByRole("button", { name: "Delivered …" }).click();
    await page.getByLabel("Received by").fill("Ada Lovelace");
    await page.locator("#photo").setInputFiles({ name: "door.png", mimeType: "image/png", buffer: testPng(7) });
    await page.getByRole("img", { name: "Photo 1" }).waitFor();
    const pad = (await page.getByRole("img", { name: "Field to sign" }).boundingBox())!;
    await page.mouse.move(pad.x + 20, pad.y + 40);
    await page.mouse.down();
    await page.mouse.move(pad.x + 120, pad.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.getByLabel("Code", { exact: true }).fill("PARCEL-1");
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByRole("button", { name: "Save and send" }).click();
    const kept = /^Offline\. 1 proof, 1 note of arrival or departure and 3 positions kept on this phone/;
    await expect.poll(() => queue(page), WAIT).toMatch(kept);

    // The tab is gone at once, then opened without a network; the server has nothing of it.
    await page.close();
    const reopened = await context.newPage();
    await reopened.goto(`${bench.url}/d/${day.token}`);
    await reopened.getByRole("heading", { name: "Hello Ana" }).waitFor();
    await expect.poll(() => queue(reopened), WAIT).toMatch(/^Offline\. 1 proof, 1 note/);
    expect([await count("pod", "stop_id", stopId!), await fixesOf(day.driverId)]).toEqual([0, [0]]);

    // Back: what is stored at first does not get its answer, so it is sent again.
    answersToLose = 1;
    let lostProofs = 0;
    await context.route("**/pod", async (route) => {
      if (lostProofs++ > 0) return route.continue();
      await route.fetch();
      await route.abort();
    });
    await context.setOffline(false);
    await expect.poll(() => queue(reopened), { ...WAIT, timeout: 90_000 }).toBe("Everything is sent and stored.");
    // The stream takes a device's frames in order: after this one, nothing that was sent before is still to come.
    await move(reopened, 5);
    await expect.poll(async () => new Set(await fixesOf(day.driverId)), WAIT).toEqual(new Set([0, 1, 2, 3, 5]));

    const at = (steps: readonly number[], step: number) => steps.filter((other) => other === step).length;
    const fixes = await fixesOf(day.driverId);
    expect([at(fixes, 0), at(fixes, 1), at(fixes, 2)]).toEqual([1, 1, 1]);
    const { rows: times } = await database.pool.query(
      `select count(*) = count(distinct f.fix_time) as once from fix f join device d on d.device_id = f.device_id
       where d.uid = $1`,
      [`driver/${day.driverId}`],
    );
    expect(times).toEqual([{ once: true }]);
    expect(lostProofs).toBe(2);
    expect(answersToLose).toBeLessThan(0);
    const stored = [
      await count("pod", "stop_id", stopId!),
      await count("artefact", "stop_id", stopId!),
      await count("stop_claim", "stop_id", stopId!),
    ];
    expect(stored).toEqual([1, 2, 1]);
    const { rows } = await database.pool.query("select outcome, lat_deg from pod where stop_id = $1", [stopId]);
    expect(rows).toMatchObject([{ outcome: "delivered", lat_deg: expect.closeTo(START.latitude, 1) }]);
    await expect.poll(() => reopened.locator(".stop").first().innerText(), WAIT).toContain("Delivered");
    await context.close();
  });

  test("what a phone keeps when its link has ended goes out by the driver's next link", async () => {
    const day = await storeDriverDay(bench.api, secret, { nowMs: Date.now() });
    const page = await open(day.token);
    const context = page.context();
    await page.getByRole("heading", { name: "Hello Ana" }).waitFor();
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)");
    await context.setOffline(true);
    await page.getByRole("button", { name: "Not possible …" }).click();
    await page.getByLabel("No way in").check();
    await page.getByRole("button", { name: "Save and send" }).click();
    await expect.poll(() => queue(page), WAIT).toMatch(/^Offline\. 1 proof/);
    await bench.api.call(secret, "DELETE", `/v1/drivers/${day.driverId}/links/${day.linkId}`);
    await context.setOffline(false);
    await page.getByRole("heading", { name: "This link does not work any more" }).waitFor();
    expect(await page.getByRole("alert").innerText()).toContain("1 proof");
    expect(await page.locator("body").innerText()).not.toContain("Kungsgatan");

    const link = (await bench.api.call(secret, "POST", `/v1/drivers/${day.driverId}/links`, {})).json();
    await page.goto(`${bench.url}/d/${link.token}`);
    await expect.poll(() => queue(page), WAIT).toBe("Everything is sent and stored.");
    const { rows } = await database.pool.query("select outcome, reason from pod where stop_id = $1", [day.stopIds[0]]);
    expect(rows).toEqual([{ outcome: "failed", reason: "no_access" }]);
    await context.close();
  });

  test.each([
    ["light, English", { scheme: "light", locale: "en-GB" }, "Delivered …", "Back"],
    ["dark, German", { scheme: "dark", locale: "de-DE" }, "Zugestellt …", "Zurück"],
  ])("can be used by everybody: %s", async (_name, options, deliver, back) => {
    const policy = { proof: { requires: ["photo", "idCheck"], pin: "4711", scans: ["A-1"], lacking: "refuse" } };
    const day = await storeDriverDay(bench.api, secret, { nowMs: Date.now(), policy });
    const page = await open(day.token, options);
    await page.getByRole("heading", { name: "Ana" }).waitFor();
    expect(await accessibilityFindings(page)).toEqual([]);

    // With the keyboard alone: from the top to the form, and back.
    const press = async (label: string) => {
      for (let presses = 0; presses < 25; presses++) {
        await page.keyboard.press("Tab");
        if ((await page.evaluate("document.activeElement.textContent")) === label) return page.keyboard.press("Enter");
      }
      throw new Error(`${label} is not reached by the keyboard`);
    };
    await press(deliver);
    await expect.poll(() => page.evaluate("document.activeElement.tagName"), WAIT).toBe("H1");
    expect(await page.locator("form").innerText()).toContain("PIN");
    expect(await accessibilityFindings(page)).toEqual([]);
    const small = await page.evaluate(
      "[...document.querySelectorAll('button, a, input:not([hidden]), textarea')].filter((e) => e.getBoundingClientRect().height < 24).length",
    );
    expect(small).toBe(0);
    expect(await page.evaluate("document.documentElement.scrollWidth > innerWidth")).toBe(false);
    await press(back);
    await page.getByRole("heading", { level: 1, name: "Ana" }).waitFor();
    await page.context().close();
  });
});
