import { setTimeout as sleep } from "node:timers/promises";
import type { LightMyRequestResponse } from "fastify";
import type { Pool, PoolClient } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "#store/database.ts";
import { deliveryParts, sendPod, storeStop } from "./pod/test-forms.ts";
import { openTestApi, type TestApi } from "./testing.ts";

let api: TestApi;
let admin: string;
/** After which statement of its transaction a keyed request dies; null: none. */
let dyingAfter: number | null = null;
let sent = 0;

beforeAll(async () => {
  api = await openTestApi({ through: cuttable });
  admin = await api.key();
  await api.device(1, "356307042441013");
  await ask("/v1/stops", { address: "first", lat: 57.7, lon: 11.97 });
  await ask("/v1/routes", { name: "first", stops: [] });
  await ask("/v1/drivers", { givenName: "first" });
});

afterAll(() => api?.close());

/** A database whose transactions lose their connection after the statement that `dyingAfter` says, as if this process had died there. */
function cuttable(database: Database): Database {
  const connect = async (): Promise<PoolClient> => {
    const client = await database.pool.connect();
    if (dyingAfter === null) return client;
    sent = 0;
    const query = cutQuery(client);
    return new Proxy(client, {
      get: (target, name) => (name === "query" ? query : Reflect.get(target, name, target)),
    });
  };
  const query = database.pool.query.bind(database.pool) as Pool["query"];
  return { ...database, pool: { query, connect: connect as Pool["connect"] } };
}

function cutQuery(client: PoolClient): PoolClient["query"] {
  const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
  const cutOne = async (...given: unknown[]): Promise<unknown> => {
    const result = await query(...given);
    if (sent++ === dyingAfter) die(client);
    return result;
  };
  return cutOne as PoolClient["query"];
}

function die(client: PoolClient): never {
  const { connection } = client as unknown as { connection: { stream: { destroy: () => void } } };
  connection.stream.destroy();
  throw new Error("the process died here");
}

/** What each endpoint with a key is asked, and the rows of what it makes. */
const ASKED: Record<string, { url?: string; body: (run: string) => object; made: string }> = {
  "/v1/drivers": { body: (run) => ({ givenName: run }), made: "driver where given_name = $1" },
  "/v1/brands": { body: (run) => ({ name: run, isDefault: true }), made: "brand where name = $1" },
  "/v1/vehicles": { body: (run) => ({ kind: "van", name: run }), made: "vehicle where name = $1" },
  "/v1/devices": { body: (run) => ({ uid: `tracker-${run}`, name: run }), made: "device where name = $1" },
  "/v1/keys": { body: (run) => ({ name: run, scopes: ["routes:read"] }), made: "api_key where name = $1" },
  "/v1/commands": {
    body: () => ({ deviceUid: "356307042441013", text: "getver" }),
    made: "command join command_audit using (command_id)",
  },
  "/v1/geofences": {
    body: (run) => ({
      type: "Feature",
      properties: { name: run, radius_m: 50 },
      geometry: { type: "Point", coordinates: [11.97, 57.7] },
    }),
    made: "geofence_version where properties->>'name' = $1",
  },
  "/v1/stops": { body: (run) => ({ address: run, lat: 57.7, lon: 11.97 }), made: "stop where address = $1" },
  "/v1/routes": {
    body: (run) => ({ name: run, stops: [{ lat: 57.7, lon: 11.97 }] }),
    made: "route r join stop using (route_id) join route_version using (route_id) where r.name = $1",
  },
  "/v1/routes/{id}/stops": {
    url: "/v1/routes/1/stops",
    body: (run) => ({ address: run, lat: 57.7, lon: 11.97 }),
    made: "stop where address = $1",
  },
  "/v1/webhooks": {
    body: (run) => ({ url: `https://example.com/${run}`, description: run }),
    made: "webhook_endpoint where description = $1",
  },
  "/v1/stops/{id}/links": {
    url: "/v1/stops/1/links",
    body: () => ({}),
    made: "tracking_link",
  },
  "/v1/drivers/{id}/links": {
    url: "/v1/drivers/1/links",
    body: () => ({}),
    made: "driver_link",
  },
};

test("every endpoint that takes an Idempotency-Key is walked below", async () => {
  const document = (await api.app.inject("/openapi.json")).json();
  const keyed = Object.entries(document.paths as Record<string, { post?: { parameters?: { name: string }[] } }>)
    .filter(([, { post }]) => post?.parameters?.some(({ name }) => name === "idempotency-key"))
    .map(([path]) => path);
  expect(keyed.toSorted()).toEqual(Object.keys(ASKED).toSorted());
});

test.for(Object.keys(ASKED))("%s is done once, wherever the first try dies", async (path) => {
  const { url = path, body, made } = ASKED[path]!;
  let died = 0;
  for (let statement = 0; died === statement; statement++) {
    const run = `${path.replaceAll(/\W/g, "-")}-${statement}`;
    const before = await countOf(made, run);
    dyingAfter = statement;
    const first = await ask(url, body(run), run);
    dyingAfter = null;
    const second = await untilNotInFlight(() => ask(url, body(run), run));
    const third = await ask(url, body(run), run);
    expect([run, third.statusCode, third.json()]).toEqual([run, second.statusCode, second.json()]);
    expect([run, await countOf(made, run)]).toEqual([run, before + 1]);
    if (first.statusCode >= 500) died = statement + 1;
    else expect(second.json()).toEqual(first.json());
  }
  // begin, lock, look, make, keep, commit
  expect(died).toBeGreaterThanOrEqual(6);
});

test("a proof of delivery is stored once, wherever the first try dies", async () => {
  const stopId = await storeStop(api.database, 1);
  let died = 0;
  for (let statement = 0; died === statement; statement++) {
    const send = () => sendPod(api, admin, stopId, deliveryParts(), { "idempotency-key": `proof-${statement}` });
    dyingAfter = statement;
    const first = await send();
    dyingAfter = null;
    const second = await send();
    const third = await send();
    expect([third.statusCode, third.json().id]).toEqual([200, second.json().id]);
    expect(await countOf("pod join artefact using (pod_id) where pod.stop_id = $1", stopId)).toBe(statement + 1);
    if (first.statusCode >= 500) died = statement + 1;
  }
  expect(died).toBeGreaterThanOrEqual(6);
});

function ask(url: string, body: object, key?: string): Promise<LightMyRequestResponse> {
  const headers = { authorization: `Bearer ${admin}`, ...(key === undefined ? {} : { "idempotency-key": key }) };
  return api.app.inject({ method: "POST", url, headers, body });
}

/** The server notices a lost connection, and lets its locks go, a moment later. */
async function untilNotInFlight(again: () => Promise<LightMyRequestResponse>): Promise<LightMyRequestResponse> {
  for (;;) {
    const answer = await again();
    if (answer.statusCode !== 409) return answer;
    await sleep(5);
  }
}

async function countOf(made: string, run: string): Promise<number> {
  const { rows } = await api.database.pool.query(`select count(*) from ${made}`, made.includes("$1") ? [run] : []);
  return rows[0].count;
}
