import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { findEndpoint, pauseEndpoint, rotateSecret } from "#store/webhooks.ts";
import { allDelivered, attempted, type DeliveryFixture, type Logged, openDeliveryFixture } from "./delivery-fixture.ts";
import { openReceiver, type Receiver } from "./receiver-fixture.ts";
import { ATTEMPT_DELAYS_MS } from "./schedule.ts";
import { newSecret } from "./signature.ts";

let fixture: DeliveryFixture;
let receiver: Receiver;

beforeAll(async () => {
  fixture = await openDeliveryFixture();
  receiver = await openReceiver();
});

afterEach(async () => {
  await fixture.stop();
  await fixture.database.pool.query("delete from webhook_endpoint");
  await fixture.database.pool.query("delete from webhook_delivery");
  receiver.received.splice(0);
});

afterAll(async () => {
  await receiver?.close();
  await fixture?.close();
});

test("an event is posted once, signed so that the standard library verifies it, with the JSON of the feed", async () => {
  const { endpointId, secret } = await fixture.endpoint(receiver.url("/ok"));
  const [eventId] = await fixture.happen([{ type: "stop.arrived", data: { stopId: "7" } }]);
  fixture.deliver();
  const [row] = await fixture.until(endpointId, allDelivered(1));
  expect(receiver.received).toHaveLength(1);
  const { headers, body } = receiver.received[0]!;
  expect(new Webhook(secret).verify(body, headers)).toMatchObject({
    id: eventId,
    type: "stop.arrived",
    data: { stopId: "7" },
  });
  expect(headers).toMatchObject({ "webhook-id": eventId, "content-type": "application/json" });
  expect(row).toMatchObject({ subject: "stop:7", attempts: 1, log: [{ outcome: "delivered", status: 204 }] });
  expect(() => new Webhook(secret).verify(body.replace("7", "8"), headers)).toThrow();
});

test("only endpoints of the fleet whose filter names the event or its family get it", async () => {
  await fixture.database.pool.query("insert into fleet (fleet_id, name) values (2, 'other') on conflict do nothing");
  const named = await fixture.endpoint(receiver.url("/named"), { events: ["stop.arrived"] });
  const family = await fixture.endpoint(receiver.url("/family"), { events: ["stop.*"] });
  const [, , theirs] = await fixture.happen([
    { type: "stop.arrived" },
    { type: "stop.departed" },
    { type: "stop.arrived", fleetId: 2 },
    { type: "stopped.x" },
  ]);
  fixture.deliver();
  await fixture.until(named.endpointId, allDelivered(1));
  const rows = await fixture.until(family.endpointId, allDelivered(2));
  expect(rows.map((row) => row.eventType)).toEqual(["stop.arrived", "stop.departed"]);
  expect(receiver.received.some(({ headers }) => headers["webhook-id"] === theirs)).toBe(false);
});

test("during a rotation both secrets sign, after it the new one alone", async () => {
  const { endpointId, secret: before } = await fixture.endpoint(receiver.url("/ok"));
  const secret = newSecret();
  await rotateSecret(fixture.database, 1, endpointId, {
    secret,
    previousUntil: new Date(fixture.clock.nowMs + 60_000),
  });
  fixture.deliver();
  await fixture.happen([{}]);
  await fixture.until(endpointId, allDelivered(1));
  for (const known of [before, secret]) {
    const { body, headers } = receiver.received[0]!;
    expect(new Webhook(known).verify(body, headers)).toBeTruthy();
  }
  fixture.clock.nowMs += 60_001;
  await fixture.happen([{}]);
  await fixture.until(endpointId, allDelivered(2));
  const { body, headers } = receiver.received[1]!;
  expect(new Webhook(secret).verify(body, headers)).toBeTruthy();
  expect(() => new Webhook(before).verify(body, headers)).toThrow();
  fixture.clock.nowMs -= 60_001;
});

test("an endpoint that never takes anything has every attempt of the schedule, none early, and then a dead letter", async () => {
  receiver.on("/500", (_got, response) => response.writeHead(500).end("broken"));
  const { endpointId } = await fixture.endpoint(receiver.url("/500"));
  await fixture.happen([{}]);
  fixture.deliver();
  for (const [index, delayMs] of ATTEMPT_DELAYS_MS.entries()) {
    if (index > 0) {
      fixture.clock.nowMs += delayMs - 1;
      await new Promise((resolve) => setTimeout(resolve, 60));
      expect((await fixture.deliveries(endpointId))[0]!.log).toHaveLength(index);
      fixture.clock.nowMs += 1;
    }
    await fixture.until(endpointId, attempted(1, index + 1));
  }
  const [row] = await fixture.deliveries(endpointId);
  expect(row).toMatchObject({ status: "dead", attempts: 10, lastOutcome: "server_error" });
  expect(row!.log[0]).toMatchObject({ status: 500, answer: "broken" });
  expect(receiver.received).toHaveLength(10);
});

test("a subject's events wait for the one that fails, other subjects do not", async () => {
  let isBroken = true;
  receiver.on("/moody", (got, response) => {
    const fails = isBroken && JSON.parse(got.body).data.stopId === "1";
    response.writeHead(fails ? 503 : 200).end();
  });
  const { endpointId } = await fixture.endpoint(receiver.url("/moody"));
  await fixture.happen([1, 2, 1, 2, 1].map((stop, n) => ({ data: { stopId: String(stop), n } })));
  fixture.deliver();
  await fixture.until(endpointId, (rows) => rows.filter((row) => row.status === "delivered").length === 2);
  const before = await fixture.until(endpointId, (rows) => rows[0]!.log.length === 1);
  expect(before.map((row) => row.status)).toEqual(["ready", "delivered", "waiting", "delivered", "waiting"]);
  isBroken = false;
  fixture.clock.nowMs += 6_000;
  await fixture.until(endpointId, allDelivered(5));
  const taken = receiver.received.map(({ body }) => JSON.parse(body).data as { stopId: string; n: number });
  expect(taken.filter(({ stopId }) => stopId === "1").map(({ n }) => n)).toEqual([0, 0, 2, 4]);
});

test("an endpoint that answers 410 is disabled at once, and the others are told by an event", async () => {
  receiver.on("/gone", (_got, response) => response.writeHead(410).end());
  const gone = await fixture.endpoint(receiver.url("/gone"));
  const other = await fixture.endpoint(receiver.url("/other"), { events: ["webhook.disabled"] });
  await fixture.happen([{ data: { stopId: "1" } }, { data: { stopId: "1" } }]);
  fixture.deliver();
  await fixture.until(other.endpointId, allDelivered(1));
  const rows = await fixture.until(gone.endpointId, (found) => found.every((row) => row.status === "dead"));
  expect(rows.map((row) => row.lastOutcome)).toEqual(["gone", "disabled"]);
  expect((await findEndpoint(fixture.database, 1, gone.endpointId))?.disabledReason).toBe("gone");
  const told = JSON.parse(receiver.received.find(({ path }) => path === "/other")!.body);
  expect(told).toMatchObject({
    type: "webhook.disabled",
    data: { webhookId: String(gone.endpointId), origin: new URL(receiver.url("/gone")).origin, reason: "gone" },
  });
  expect(JSON.stringify(told)).not.toContain("/gone");
  await fixture.happen([{}]);
  expect(await fixture.deliveries(gone.endpointId)).toHaveLength(2);
});

test("five days of failure disable an endpoint, one delivery in between begins them anew", async () => {
  let isUp = false;
  receiver.on("/flaky", (_got, response) => response.writeHead(isUp ? 200 : 500).end());
  const { endpointId } = await fixture.endpoint(receiver.url("/flaky"));
  const day = 86_400_000;
  fixture.deliver();
  const fail = async (count: number) => {
    await fixture.happen([{}]);
    await fixture.until(endpointId, attempted(count, 1));
  };
  await fail(1);
  fixture.clock.nowMs += 3 * day;
  isUp = true;
  await fixture.happen([{}]);
  await fixture.until(endpointId, allDelivered(2));
  isUp = false;
  await fail(3);
  fixture.clock.nowMs += 4.9 * day;
  await fail(4);
  expect((await findEndpoint(fixture.database, 1, endpointId))?.disabledReason).toBeNull();
  fixture.clock.nowMs += 0.2 * day;
  await fixture.happen([{}]);
  await fixture.until(endpointId, (rows) => rows.filter((row) => row.status === "dead").length === 3);
  expect((await findEndpoint(fixture.database, 1, endpointId))?.disabledReason).toBe("failing");
});

test("an endpoint that hangs delays no other", async () => {
  receiver.on("/hang", () => undefined);
  const hung = await fixture.endpoint(receiver.url("/hang"));
  const well = await fixture.endpoint(receiver.url("/well"));
  await fixture.happen(Array.from({ length: 50 }, (_, n) => ({ data: { stopId: String(n) } })));
  fixture.deliver();
  await fixture.until(well.endpointId, allDelivered(50));
  const underWay = (rows: Logged[]) => rows.filter((row) => row.isUnderWay);
  const rows = await fixture.until(hung.endpointId, (found) => underWay(found).length >= 8);
  expect(underWay(rows)).toHaveLength(8);
  expect(rows.every((row) => row.log.length === 0)).toBe(true);
});

test("two processes share the endpoints and deliver no attempt twice", async () => {
  const endpoints = await Promise.all([1, 2, 3].map((n) => fixture.endpoint(receiver.url(`/shared-${n}`))));
  fixture.deliver();
  fixture.deliver();
  for (let round = 0; round < 20; round++) {
    await fixture.happen(Array.from({ length: 5 }, (_, n) => ({ data: { stopId: String(n) } })));
  }
  for (const { endpointId } of endpoints) {
    const rows = await fixture.until(endpointId, allDelivered(100));
    expect(rows.every((row) => row.attempts === 1)).toBe(true);
  }
  expect(receiver.received).toHaveLength(300);
});

test("an endpoint whose process stopped in the middle is taken over, and its attempt begun anew as the next one", async () => {
  const { endpointId } = await fixture.endpoint(receiver.url("/left"));
  await fixture.happen([{ data: { stopId: "1" } }]);
  const pool = fixture.database.pool;
  await pool.query(
    "update webhook_delivery set status = 'ready', next_attempt_at = now(), attempts = 1, lease_token = $1",
    ["00000000-0000-4000-8000-000000000001"],
  );
  await pool.query(
    `update webhook_endpoint set lease_token = $1, leased_until = clock_timestamp() + interval '400 milliseconds'`,
    ["00000000-0000-4000-8000-000000000001"],
  );
  fixture.clock.nowMs = Date.now() + 1_000;
  fixture.deliver();
  const [row] = await fixture.until(endpointId, allDelivered(1));
  expect(row!.log.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
    [1, "interrupted"],
    [2, "delivered"],
  ]);
  expect(receiver.received).toHaveLength(1);
});

test("what is paused begins nothing more", async () => {
  const { endpointId } = await fixture.endpoint(receiver.url("/ok"));
  await fixture.happen([{}]);
  await pauseEndpoint(fixture.database, 1, endpointId, fixture.clock.nowMs);
  await fixture.happen([{}]);
  fixture.deliver();
  const other = await fixture.endpoint(receiver.url("/other"));
  await fixture.happen([{}]);
  await fixture.until(other.endpointId, allDelivered(1));
  expect((await fixture.deliveries(endpointId)).map((row) => row.status)).toEqual(["dead"]);
  expect(receiver.received.map(({ path }) => path)).toEqual(["/other"]);
});
