import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { insertEvents } from "#store/event-writes.ts";
import { inTransaction } from "#store/transaction.ts";
import { deliveryParts, sendPod } from "../pod/test-forms.ts";
import { openTestApi, TEST_NOW_MS, type TestApi } from "../testing.ts";
import { storeTrackedRoute } from "../tracking/tracking-fixture.ts";
import { openEmail, openSms } from "./channels.ts";
import { type NotifierDeps, openNotifier } from "./notifier.ts";

/** Against a real SMTP server and a real HTTP server on the loopback interface. */

type Mail = { to: string[]; source: string };
type Sms = { id: string; to: string; text: string };

let api: TestApi;
let fleetId: number;
let routeId: number;
let stopIds: number[];
let mails: Mail[];
let texts: Sms[];
let mailAnswers: (number | undefined)[];
let smsAnswers: number[];
let smtp: SMTPServer;
let sms: Server;
let nowMs: number;
const running: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  smtp = new SMTPServer({
    disabledCommands: ["AUTH", "STARTTLS"],
    onData: (stream, session, answer) => {
      void text(stream).then((source) => {
        const code = mailAnswers.shift();
        if (code !== undefined) return answer(Object.assign(new Error("not now"), { responseCode: code }));
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), source });
        answer();
      });
    },
  });
  await new Promise<void>((resolve) => smtp.listen(0, "127.0.0.1", resolve));
  sms = createServer((request, response) => {
    void text(request).then((body) => {
      const status = smsAnswers.shift() ?? 202;
      if (status < 300) texts.push(JSON.parse(body) as Sms);
      response.writeHead(status).end();
    });
  }).listen(0, "127.0.0.1");
  await once(sms, "listening");
});
afterAll(async () => {
  sms.close();
  await new Promise<void>((resolve) => smtp.close(resolve));
});

beforeEach(async () => {
  [mails, texts, mailAnswers, smsAnswers, nowMs] = [[], [], [], [], TEST_NOW_MS];
  api = await openTestApi();
  fleetId = await api.fleet();
  ({ routeId, stopIds } = await storeTrackedRoute(api.database, nowMs, { fleetId }));
  await api.database.pool.query(
    `update stop set contact = '{"email": "ana@example.org", "phone": "+351900000000", "locale": "de-DE"}'`,
  );
});
afterEach(async () => {
  for (const notifier of running.splice(0)) await notifier.close();
  await api.close();
});

const askFor = (notifications: object) =>
  api.database.pool.query("update brand set notifications = $1", [JSON.stringify(notifications)]);

function start(part: Partial<NotifierDeps> = {}): void {
  const port = (smtp.server.address() as AddressInfo).port;
  const smsPort = (sms.address() as AddressInfo).port;
  const notifier = openNotifier({
    database: api.database,
    onStored: (listener) => {
      stored = listener;
      return () => undefined;
    },
    channels: {
      email: openEmail({ url: `smtp://127.0.0.1:${port}`, from: "Fresh <post@fresh.example>" }),
      sms: openSms({ url: `http://127.0.0.1:${smsPort}/send`, token: "secret" }),
    },
    publicUrl: "https://track.example",
    registry: new (api.registry.constructor as new () => typeof api.registry)(),
    logger: api.app.log,
    now: () => nowMs,
    pauseMs: 0,
    ...part,
  });
  running.push(notifier);
}
let stored: () => void = () => undefined;

async function happen(type: string, data: Record<string, string>, replayed = false): Promise<void> {
  await inTransaction(api.database, (_query, client) =>
    insertEvents(client, [
      {
        ...{ eventId: `${type}-${JSON.stringify(data)}`, fleetId, deviceId: null, type, replayed, supersedes: null },
        ...{ occurredAtMs: nowMs, detectedAtMs: nowMs, frameSeq: null, data },
      },
    ]),
  );
}

type Told = {
  trigger: string;
  threshold: number;
  messages: { channel: string; state: string; reason: string | null }[];
};

async function told(stopId = stopIds[0]!): Promise<Told[]> {
  const secret = await api.key({ fleetId, scopes: ["routes:read"] });
  return (await api.call(secret, "GET", `/v1/stops/${stopId}/notifications`)).json().data;
}

const WAIT_MS = 50_000;

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + WAIT_MS;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`did not happen: ${condition}`);
    stored();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Makes the notifier's place in the feed, so that what happens from here on is news. */
async function begin(): Promise<void> {
  start();
  await until(async () => (await api.database.pool.query("select from notification_cursor")).rowCount === 1);
}

it("tells once by mail and by text message, in the language of the person waiting, with a link that opens", async () => {
  await askFor({ channels: ["email", "sms"], triggers: { arrived: true } });
  await begin();
  await happen("stop.arrived", { stopId: String(stopIds[0]), routeId: String(routeId) });
  await until(() => mails.length === 1 && texts.length === 1);
  expect(mails[0]!.to).toEqual(["ana@example.org"]);
  expect(mails[0]!.source).toContain("From: Fresh <post@fresh.example>");
  expect(mails[0]!.source).toContain("Content-Type: text/html");
  expect(texts[0]).toMatchObject({ to: "+351900000000" });
  expect(texts[0]!.text).toMatch(
    /^Fresh & Co: Ihre Lieferung ist da\. Wir sind angekommen\. https:\/\/track\.example\/t\//,
  );
  const token = /\/t\/(\S+)$/.exec(texts[0]!.text)![1];
  expect((await api.app.inject({ url: `/v1/track/${token}` })).statusCode).toBe(200);
  const sent = { state: "sent", reason: null };
  await until(async () => (await told())[0]?.messages.every(({ state }) => state === "sent") === true);
  expect(await told()).toMatchObject([
    {
      trigger: "arrived",
      threshold: 0,
      messages: [
        { channel: "email", ...sent },
        { channel: "sms", ...sent },
      ],
    },
  ]);
  const due = "select data from event where type = 'notification.due'";
  expect((await api.database.pool.query(due)).rows).toEqual([
    { data: { stopId: String(stopIds[0]), routeId: String(routeId), trigger: "arrived", threshold: 0 } },
  ]);
});

it("tells each threshold once, however often the vehicle comes and goes", async () => {
  await askFor({ channels: ["sms"], triggers: { stopsAway: [2, 1] } });
  start();
  // Two stops before the third, one before the second, none before the first: each is told its nearest threshold.
  await until(() => texts.length === 3);
  await api.database.pool.query("update stop_state set stops_before = 1 where stop_id = $1", [stopIds[2]]);
  await until(() => texts.length === 4);
  await api.database.pool.query("update stop_state set stops_before = 2 where stop_id = $1", [stopIds[2]]);
  await happen("stop.departed", { stopId: String(stopIds[0]), routeId: String(routeId) });
  await api.database.pool.query("update stop_state set stops_before = 1 where stop_id = $1", [stopIds[2]]);
  const place = "select commit_xid || ':' || event_seq as place from notification_cursor";
  const rounds = async () => (await api.database.pool.query(place)).rows[0].place;
  const before = await rounds();
  await happen("stop.departed", { stopId: String(stopIds[1]), routeId: String(routeId) });
  await until(async () => (await rounds()) !== before);
  expect((await told(stopIds[2])).map(({ trigger, threshold }) => [trigger, threshold])).toEqual([
    ["stopsAway", 2],
    ["stopsAway", 1],
  ]);
  expect(texts).toHaveLength(4);
});

it("tells again of a stop that failed and is planned again", async () => {
  await askFor({ channels: ["sms"], triggers: { arrived: true } });
  await begin();
  const [stopId] = stopIds;
  await happen("stop.arrived", { stopId: String(stopId), routeId: String(routeId) });
  await until(() => texts.length === 1);
  await api.database.pool.query("update stop set planned_at = $1", [new Date(TEST_NOW_MS - 60_000)]);
  const failed = deliveryParts().map(([name, value]) =>
    name === "outcome" ? ([name, "failed"] as const) : ([name, value] as const),
  );
  await sendPod(api, await api.key(), String(stopId), [...failed, ["reason", "nobody there"]]);
  await happen("stop.arrived", { stopId: String(stopId), routeId: String(routeId), visit: "2" });
  await api.database.pool.query("update stop set planned_at = $1", [new Date(TEST_NOW_MS + 60_000)]);
  await happen("stop.arrived", { stopId: String(stopId), routeId: String(routeId), visit: "3" });
  await happen("stop.arrived", { stopId: String(stopId), routeId: String(routeId), visit: "4" });
  await happen("stop.arrived", { stopId: String(stopIds[1]), routeId: String(routeId) });
  await until(() => texts.length === 3);
  expect((await told(stopId)).map(({ trigger }) => trigger)).toEqual(["arrived", "arrived"]);
});

it("tells nobody of what late data has brought to light", async () => {
  await askFor({ channels: ["sms"], triggers: { arrived: true } });
  await begin();
  await happen("stop.arrived", { stopId: String(stopIds[0]), routeId: String(routeId) }, true);
  await happen("stop.arrived", { stopId: String(stopIds[1]), routeId: String(routeId) });
  await until(() => texts.length === 1);
  expect(await told(stopIds[0])).toEqual([]);
});

it("sends nothing in quiet hours, without an address or without the channel, and says why", async () => {
  await askFor({ channels: ["email", "sms"], quietHours: { from: "00:00", to: "23:59" }, triggers: { arrived: true } });
  await api.database.pool.query('update stop set contact = \'{"email": "b@example.org"}\' where stop_id = $1', [
    stopIds[0],
  ]);
  await begin();
  await happen("stop.arrived", { stopId: String(stopIds[0]), routeId: String(routeId) });
  await until(async () => (await told())[0]?.messages.every(({ state }) => state === "skipped") === true);
  expect((await told())[0]!.messages.map(({ reason }) => reason)).toEqual(["quiet_hours", "no_address"]);
  expect([mails, texts]).toEqual([[], []]);
});

it("messages of stops that have left their route keep nobody else from being told", async () => {
  await askFor({ channels: ["sms"], triggers: { arrived: true } });
  await api.database.pool.query(
    `with gone as (
      insert into stop (fleet_id, lat_deg, lon_deg, contact)
      select $1, 41.15, -8.61, '{"phone": "+351911111111"}' from generate_series(1, 20) returning stop_id
    ), due as (
      insert into notification (fleet_id, stop_id, trigger, threshold, due_at)
      select $1, stop_id, 'arrived', 0, $2 from gone returning notification_id
    )
    insert into notification_message (notification_id, channel, next_at, expires_at)
    select notification_id, 'sms', $2::timestamptz - interval '1 h', $2::timestamptz + interval '1 h' from due`,
    [fleetId, new Date(nowMs)],
  );
  await begin();
  await happen("stop.arrived", { stopId: String(stopIds[0]), routeId: String(routeId) });
  await until(() => texts.length === 1);
  expect(texts.map(({ to }) => to)).toEqual(["+351900000000"]);
  const left = await api.database.pool.query(
    "select distinct state, reason from notification_message where reason > ''",
  );
  expect(left.rows).toEqual([{ state: "skipped", reason: "not_awaited" }]);
});

it("tries again what was not taken, gives up what is refused for good or too late", async () => {
  await askFor({ channels: ["email", "sms"], triggers: { arrived: true } });
  mailAnswers = [451];
  smsAnswers = [400];
  await begin();
  await happen("stop.arrived", { stopId: String(stopIds[0]), routeId: String(routeId) });
  const states = async () => (await told())[0]?.messages.map(({ state, reason }) => [state, reason]) ?? [];
  await until(async () => (await states())[1]?.[0] === "failed" && (await states())[0]?.[1] !== null);
  expect(await states()).toMatchObject([
    ["waiting", expect.any(String)],
    ["failed", "HTTP 400"],
  ]);
  nowMs += 31_000;
  await until(() => mails.length === 1);
  await until(async () => (await states())[0]?.[0] === "sent");
  // One for the mail, however often it was tried, and one for the text message.
  const links = await api.database.pool.query("select from tracking_link where stop_id = $1", [stopIds[0]]);
  expect(links.rowCount).toBe(2);
  const token = /https:\/\/track\.example\/t\/([\w-]{22})/.exec(mails[0]!.source.replaceAll("=\r\n", ""))![1];
  expect((await api.app.inject({ url: `/v1/track/${token}` })).statusCode).toBe(200);

  mailAnswers = [451];
  await happen("stop.arrived", { stopId: String(stopIds[1]), routeId: String(routeId) });
  await until(async () => (await told(stopIds[1]))[0]?.messages[0]?.reason !== null && mailAnswers.length === 0);
  nowMs += 11 * 60_000;
  await until(async () => (await told(stopIds[1]))[0]?.messages[0]?.state === "skipped");
  expect((await told(stopIds[1]))[0]!.messages[0]!.reason).toBe("too_late");
  expect(mails).toHaveLength(1);
});

it("tells everybody once where two processes look for what is due", async () => {
  await askFor({ channels: ["sms"], triggers: { routeStarted: true } });
  await begin();
  start();
  await happen("route.started", { routeId: String(routeId) });
  await until(async () => {
    const { rowCount } = await api.database.pool.query("select from notification_message where state = 'sent'");
    return rowCount === stopIds.length;
  });
  expect(texts).toHaveLength(stopIds.length);
  expect(new Set(texts.map(({ id }) => id)).size).toBe(stopIds.length);
});
