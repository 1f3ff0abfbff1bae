import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Database, migrate, openDatabase, openEmbeddedPostgres } from "#store";
import { eventIdOf, insertEvents, type NewEvent } from "#store/event-writes.ts";
import { inTransaction } from "#store/transaction.ts";
import { findFreePort } from "./free-port.ts";
import { type RoleProcess, startRoleProcess } from "./role-process.ts";
import { openWebhookReceiver, type WebhookReceiver } from "./webhook-receiver.ts";

export type WebhookScenario = {
  events: number;
  stops: number;
  /** SIGKILLs of the API, spread evenly over the deliveries to the healthy receiver. */
  kills: number;
  seed: number;
  checkout: string;
  dataDir: string;
  onProgress?: (taken: { [name: string]: number }) => void;
};

export type ReceiverResult = {
  taken: number;
  lost: number;
  requests: number;
  repeated: number;
  unsigned: number;
  outOfOrder: number;
  /** From the first event to the last one taken. */
  doneAfterS: number | null;
};

export type WebhookResult = { kills: number; receivers: { [name: string]: ReceiverResult }; deadLetters: number };

const HOST = "127.0.0.1";
const API_KEY_BYTES = 32;
const EVENTS_PER_COMMIT = 25;
const COMMIT_PAUSE_MS = 2;
const RESTART_AFTER_MS = 200;
const POLL_MS = 25;
/** Receivers that fail half the time are tried again soon, and often enough for every event to come through. */
const RETRY_DELAYS_S = ["0", ...Array.from({ length: 19 }, () => "1")].join(",");
const READY_TRIES_MAX = 4;
const DONE_WITHIN_MS = 600_000;

/**
 * Events to three receivers, one healthy, one slow, one failing half the time, by the API role in a process of its own
 * that is killed without warning; says what each receiver got.
 */
export async function runWebhookScenario(scenario: WebhookScenario): Promise<WebhookResult> {
  const server = await openEmbeddedPostgres({ dataDir: scenario.dataDir });
  const random = seeded(scenario.seed);
  const receivers = {
    healthy: await openWebhookReceiver({ delayMs: 0, failingShare: 0, random }),
    slow: await openWebhookReceiver({ delayMs: 20, failingShare: 0, random }),
    failing: await openWebhookReceiver({ delayMs: 0, failingShare: 0.5, random }),
  };
  await migrate(server.url);
  const database = await openDatabase({ url: server.url, applicationName: "webhook scenario", connectionsMax: 2 });
  const apiKey = `tg_live_${randomBytes(API_KEY_BYTES).toString("base64url")}`;
  const httpPort = await findFreePort();
  const api = startRoleProcess({
    role: "api",
    checkout: scenario.checkout,
    environment: {
      ...{ PATH: process.env.PATH ?? "", HOST, HTTP_PORT: String(httpPort), DATABASE_URL: server.url },
      ...{ ADMIN_API_KEY: apiKey, LOG_LEVEL: "error", METRICS_PORT: "0" },
      ...{ WEBHOOK_ALLOW_LOOPBACK: "true", WEBHOOK_RETRY_DELAYS_S: RETRY_DELAYS_S },
    },
  });
  try {
    await readyAtLast(api);
    for (const receiver of Object.values(receivers)) {
      receiver.secret = await makeWebhook(`http://${HOST}:${httpPort}`, apiKey, receiver.url);
    }
    const startedMs = performance.now();
    const doneAfterS: { [name: string]: number } = {};
    const writing = writeEvents(database, scenario);
    let kills = 0;
    while (performance.now() - startedMs < DONE_WITHIN_MS) {
      await sleep(POLL_MS);
      for (const [name, { taken }] of Object.entries(receivers)) {
        if (taken().size === scenario.events) doneAfterS[name] ??= (performance.now() - startedMs) / 1000;
      }
      scenario.onProgress?.(
        Object.fromEntries(Object.entries(receivers).map(([name, { taken }]) => [name, taken().size])),
      );
      const killAt = ((kills + 1) / (scenario.kills + 1)) * scenario.events;
      if (kills < scenario.kills && receivers.healthy.taken().size >= killAt) {
        kills += 1;
        api.kill(RESTART_AFTER_MS);
        await readyAtLast(api);
      }
      if (Object.keys(doneAfterS).length === Object.keys(receivers).length) break;
    }
    await writing;
    const { rows } = await database.pool.query(
      "select count(*)::integer as dead from webhook_delivery where status = 'dead'",
    );
    const results = Object.entries(receivers).map(([name, receiver]) => [
      name,
      resultOf(receiver, scenario, doneAfterS[name]),
    ]);
    return { kills, receivers: Object.fromEntries(results), deadLetters: rows[0].dead };
  } finally {
    await api.stop();
    await Promise.all(Object.values(receivers).map((receiver) => receiver.close()));
    await database.close();
    await server.close();
  }
}

/** On a machine that is busy otherwise a start takes its time; what is measured is what arrives. */
async function readyAtLast(api: RoleProcess): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await api.ready();
    } catch (error) {
      if (tries === READY_TRIES_MAX) throw error;
    }
  }
}

async function makeWebhook(apiUrl: string, apiKey: string, url: string): Promise<string> {
  const answer = await fetch(`${apiUrl}/v1/webhooks`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ url, events: ["stop.*"] }),
  });
  if (!answer.ok) throw new Error(`the webhook was not made: ${await answer.text()}`);
  return ((await answer.json()) as { secret: string }).secret;
}

/** Events of the stops in turn, numbered along each stop, a few a commit as the stream writes them. */
async function writeEvents(database: Database, { events, stops }: WebhookScenario): Promise<void> {
  for (let first = 0; first < events; first += EVENTS_PER_COMMIT) {
    const count = Math.min(EVENTS_PER_COMMIT, events - first);
    const rows = Array.from({ length: count }, (_, index) => eventOf(first + index, stops));
    await inTransaction(database, (_query, client) => insertEvents(client, rows));
    await sleep(COMMIT_PAUSE_MS);
  }
}

function eventOf(index: number, stops: number): NewEvent {
  const stopId = String(1 + (index % stops));
  const nowMs = Date.now();
  return {
    ...{ eventId: eventIdOf("stop.arrived", stopId, index), fleetId: 1, deviceId: null, type: "stop.arrived" },
    ...{ occurredAtMs: nowMs, detectedAtMs: nowMs, replayed: false, supersedes: null, frameSeq: null },
    data: { stopId, n: index },
  };
}

function resultOf(
  receiver: WebhookReceiver,
  { events }: WebhookScenario,
  doneAfterS: number | undefined,
): ReceiverResult {
  const taken = receiver.taken().size;
  return {
    ...{ taken, lost: events - taken, requests: receiver.requests(), repeated: receiver.repeated() },
    ...{ unsigned: receiver.unsigned(), outOfOrder: receiver.outOfOrder(), doneAfterS: doneAfterS ?? null },
  };
}

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
