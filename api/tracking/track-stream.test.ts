import { EventEmitter } from "node:events";
import type { AddressInfo } from "node:net";
import type { FastifyReply } from "fastify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, TEST_NOW_MS, type TestApi } from "../testing.ts";
import { TrackStream } from "./track-stream.ts";
import type { Shown } from "./track-watch.ts";
import { placeVehicle, storeTrackedRoute, type TrackedRoute } from "./tracking-fixture.ts";

let api: TestApi;
let origin: string;
let secret: string;

beforeAll(async () => {
  api = await openTestApi({ limits: { streamHeartbeatMs: 200, trackPollMs: 3_600_000, trackStreamsPerLinkMax: 2 } });
  await api.app.listen({ host: "127.0.0.1", port: 0 });
  origin = `http://127.0.0.1:${(api.app.server.address() as AddressInfo).port}`;
  secret = await api.key();
});

afterAll(() => api?.close());

type Message = { id: string; event: string; data: string };
type Reader = { next(): Promise<Message | "beat" | "end">; close(): void };

const makeLink = async (route: TrackedRoute, index = 0): Promise<{ id: string; token: string }> =>
  (await api.call(secret, "POST", `/v1/stops/${route.stopIds[index]}/links`, {})).json();

/** Reads a stream message by message. */
async function openStream(token: string, lastEventId?: string): Promise<Reader> {
  const controller = new AbortController();
  const answer = await fetch(`${origin}/v1/track/${token}/stream`, {
    signal: controller.signal,
    ...(lastEventId === undefined ? {} : { headers: { "last-event-id": lastEventId } }),
  });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  const next = async (): Promise<Message | "beat" | "end"> => {
    for (;;) {
      const end = rest.indexOf("\n\n");
      if (end >= 0) {
        const lines = rest.slice(0, end).split("\n");
        rest = rest.slice(end + 2);
        if (lines[0]!.startsWith("retry:")) continue;
        if (lines[0] === "event: beat") return "beat";
        const fields = lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]);
        return { id: "", ...Object.fromEntries(fields) } as Message;
      }
      const { done, value } = await reader.read();
      if (done) return "end";
      rest += value;
    }
  };
  return { next, close: () => controller.abort() };
}

async function nextMessage(reader: Reader): Promise<Message> {
  for (;;) {
    const message = await reader.next();
    if (message === "end") throw new Error("the stream ended");
    if (message !== "beat") return message;
  }
}

/** A commit with news of the vehicle, and word of it. */
async function move({ vehicleId, vehicle }: TrackedRoute, metres: number): Promise<void> {
  const latDeg = vehicle.latDeg + metres / 111_195;
  await placeVehicle(api.database, { fleetId: 1, vehicleId, latDeg, lonDeg: vehicle.lonDeg, timeMs: TEST_NOW_MS });
  api.stored();
}

test("a stream begins with the state, follows with every change, and its ids are the tags", async () => {
  const route = await storeTrackedRoute(api.database, TEST_NOW_MS);
  const { token } = await makeLink(route);
  const reader = await openStream(token);
  const first = await nextMessage(reader);
  expect(first.event).toBe("track");
  const asked = await api.app.inject({ url: `/v1/track/${token}` });
  expect(asked.headers.etag).toBe(`"${first.id}"`);
  expect(JSON.parse(first.data)).toEqual(asked.json());
  await move(route, 100);
  const second = await nextMessage(reader);
  expect(second.id).not.toBe(first.id);
  expect(JSON.parse(second.data).position.lat).toBeGreaterThan(JSON.parse(first.data).position.lat);
  reader.close();
});

test("whoever names the last id is sent the state only if it has changed", async () => {
  const route = await storeTrackedRoute(api.database, TEST_NOW_MS);
  const { token } = await makeLink(route);
  const reader = await openStream(token);
  const { id } = await nextMessage(reader);
  reader.close();
  const same = await openStream(token, id);
  expect(await same.next()).toBe("beat");
  same.close();
  await move(route, 100);
  const changed = await openStream(token, id);
  const first = await changed.next();
  expect(first).toMatchObject({ event: "track" });
  expect((first as Message).id).not.toBe(id);
  changed.close();
});

test("a viewer hears nothing of what the link does not show", async () => {
  const route = await storeTrackedRoute(api.database, TEST_NOW_MS);
  const made = await api.call(secret, "POST", `/v1/stops/${route.stopIds[0]}/links`, {
    visibility: { position: "never" },
  });
  const reader = await openStream(made.json().token);
  await nextMessage(reader);
  await move(route, 100);
  expect(await reader.next()).toBe("beat");
  expect(await reader.next()).toBe("beat");
  reader.close();
});

test("revoking a link tells its viewers and ends their streams", async () => {
  const route = await storeTrackedRoute(api.database, TEST_NOW_MS);
  const { token, id } = await makeLink(route);
  const reader = await openStream(token);
  await nextMessage(reader);
  await api.call(secret, "DELETE", `/v1/stops/${route.stopIds[0]}/links/${id}`);
  api.stored();
  expect((await nextMessage(reader)).event).toBe("closed");
  expect(await reader.next()).toBe("end");
  expect((await fetch(`${origin}/v1/track/${token}/stream`)).status).toBe(404);
});

test("many viewers of many stops cost one look and one read for each change", async () => {
  const routes = [
    await storeTrackedRoute(api.database, TEST_NOW_MS),
    await storeTrackedRoute(api.database, TEST_NOW_MS),
  ];
  const links = await Promise.all(routes.flatMap((route) => [0, 1, 2].map((index) => makeLink(route, index))));
  const readers = await Promise.all(links.flatMap(({ token }) => [openStream(token), openStream(token)]));
  await Promise.all(readers.map(nextMessage));
  await api.database.pool.query("update vehicle_state set lat_deg = lat_deg + 0.001 where vehicle_id = any($1)", [
    routes.map(({ vehicleId }) => vehicleId),
  ]);
  const queries: string[] = [];
  const { pool } = api.database;
  const query = pool.query;
  pool.query = ((...parts: Parameters<typeof query>) => {
    queries.push(String((parts[0] as unknown as { name?: string }).name));
    return query.apply(pool, parts);
  }) as typeof query;
  try {
    api.stored();
    const answers = await Promise.all(readers.map(nextMessage));
    expect(answers.length).toBe(12);
    expect(queries.filter((name) => name === "read-tracked-stops").length).toBe(1);
    expect(queries.length).toBeLessThanOrEqual(8);
  } finally {
    pool.query = query;
    for (const reader of readers) reader.close();
  }
});

test("a link has only so many viewers at a time", async () => {
  const { token } = await makeLink(await storeTrackedRoute(api.database, TEST_NOW_MS));
  const readers = [await openStream(token), await openStream(token)];
  const third = await fetch(`${origin}/v1/track/${token}/stream`);
  expect([third.status, third.headers.get("retry-after")]).toEqual([429, "60"]);
  for (const reader of readers) reader.close();
});

test("one state at most waits for a slow reader: the newest", async () => {
  const written: string[] = [];
  const raw = Object.assign(new EventEmitter(), {
    writeHead: () => undefined,
    write: (text: string) => written.push(text) < 2,
    end: (text: string) => written.push(text),
    destroy: () => written.push("destroyed"),
  });
  const reply = { hijack: () => undefined, raw } as unknown as FastifyReply;
  const ends: string[] = [];
  const stream = new TrackStream(reply, 20, (end) => ends.push(end));
  const state = (tag: string) => ({ tag, text: "{}" }) as Shown;
  stream.show(state("before the head"));
  stream.begin({}, state("older"));
  expect(written.join("")).toMatch(/^retry: 2000\n\nid: before the head\n/);
  for (const tag of ["skipped", "skipped too", "newest"]) stream.show(state(tag));
  stream.beat();
  expect(written.length).toBe(2);
  raw.emit("drain");
  expect(written.at(-1)).toContain("id: newest\n");
  await expect.poll(() => ends).toEqual(["stalled"]);
  expect(written.at(-1)).toBe("destroyed");
  stream.show(state("nobody hears this"));
  expect(written.length).toBe(4);
});
