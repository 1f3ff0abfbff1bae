import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runWebhookScenario, type WebhookResult } from "./webhooks.ts";

/** The small form of `npm run webhooks:kill`. */

const TEST_MS_MAX = 600_000;
const EVENTS = 400;
/** Few events a stop: those that fail half the time follow each other, each a second later. */
const STOPS = 100;
const checkout = fileURLToPath(new URL("../../", import.meta.url));

let dataDir: string;
let result: WebhookResult;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "telematics-webhooks-"));
  result = await runWebhookScenario({ events: EVENTS, stops: STOPS, kills: 2, seed: 20_261_122, checkout, dataDir });
}, TEST_MS_MAX);

afterAll(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

test("the API was killed twice while it delivered", () => {
  expect(result.kills).toBe(2);
});

test.each(["healthy", "slow", "failing"])(
  "the %s receiver got every event, signed, and in order for each stop",
  (name) => {
    expect(result.receivers[name]).toMatchObject({ taken: EVENTS, lost: 0, unsigned: 0, outOfOrder: 0 });
  },
);

test("nothing was given up, and the receiver that fails was asked again", () => {
  expect(result.deadLetters).toBe(0);
  expect(result.receivers.failing!.requests).toBeGreaterThan(EVENTS * 1.5);
});
