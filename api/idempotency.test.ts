import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openGeocoder } from "./geocoder.ts";
import { openTestApi, type TestApi } from "./testing.ts";

let api: TestApi;
let admin: string;

beforeAll(async () => {
  api = await openTestApi();
  admin = await api.key();
});

afterAll(() => api?.close());

function post(key: string, body: object, { url = "/v1/drivers", secret = admin } = {}) {
  const headers = { authorization: `Bearer ${secret}`, "idempotency-key": key };
  return api.app.inject({ method: "POST", url, headers, body });
}

const drivers = async () => (await api.call(admin, "GET", "/v1/drivers")).json().data.length;

test("the same key and body get the same answer, and the thing is made once", async () => {
  const before = await drivers();
  const first = await post("once", { givenName: "Ana" });
  const again = await post("once", { givenName: "Ana" });
  expect([first.statusCode, again.statusCode]).toEqual([201, 201]);
  expect(again.json()).toEqual(first.json());
  expect(again.headers.location).toBe(first.headers.location);
  expect(again.headers["content-type"]).toBe(first.headers["content-type"]);
  expect([first.headers["idempotent-replayed"], again.headers["idempotent-replayed"]]).toEqual([undefined, "true"]);
  expect(await drivers()).toBe(before + 1);
});

test("another body, or another path, under the same key is refused", async () => {
  await post("reused", { givenName: "Ana" });
  const body = await post("reused", { givenName: "Rui" });
  const path = await post("reused", { givenName: "Ana" }, { url: "/v1/brands" });
  expect([body.statusCode, body.json().code]).toEqual([422, "idempotency_key_reused"]);
  expect(path.statusCode).toBe(400);
  const brand = await post("reused", { name: "Ana" }, { url: "/v1/brands" });
  expect(brand.json().code).toBe("idempotency_key_reused");
});

test("of many at once one is done, the others are told that it is, or get its answer", async () => {
  const before = await drivers();
  const answers = await Promise.all(Array.from({ length: 8 }, () => post("many", { givenName: "Ana" })));
  const made = answers.filter(({ statusCode }) => statusCode === 201);
  expect(made.length).toBeGreaterThan(0);
  for (const answer of answers) {
    if (answer.statusCode === 201) expect(answer.json()).toEqual(made[0]!.json());
    else expect([answer.statusCode, answer.json().code]).toEqual([409, "idempotency_in_flight"]);
  }
  expect(await drivers()).toBe(before + 1);
});

test("while a request is at work under a key, the same and any other are told so", async () => {
  const stop = { address: "slow", lat: 57.7, lon: 11.97 };
  const add = (body: object) => post("slow", body, { url: "/v1/stops" });
  const editor = await api.database.pool.connect();
  try {
    // Who changes plans waits for whoever does so already.
    await editor.query("begin; select from plan_revision for update");
    const first = add(stop);
    await waitForWaiting();
    for (const body of [stop, { ...stop, lat: 57.8 }]) {
      const answer = await add(body);
      expect([answer.statusCode, answer.json().code]).toEqual([409, "idempotency_in_flight"]);
    }
    await editor.query("commit");
    const made = await first;
    expect([made.statusCode, (await add(stop)).json()]).toEqual([201, made.json()]);
  } finally {
    editor.release();
  }
});

async function waitForWaiting(): Promise<void> {
  for (;;) {
    const { rowCount } = await api.database.pool.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    if (rowCount! > 0) return;
    await sleep(5);
  }
}

test("nothing is made whose answer cannot be kept, and the key may try again", async () => {
  await api.database.pool.query(`create function refuse() returns trigger language plpgsql as
    $$ begin raise exception 'no room'; end $$`);
  await api.database.pool.query(
    "create trigger refuse before insert on idempotency_key for each row execute function refuse()",
  );
  const before = await drivers();
  try {
    expect((await post("unkept", { givenName: "Ana" })).statusCode).toBe(500);
    expect(await drivers()).toBe(before);
  } finally {
    await api.database.pool.query("drop function refuse cascade");
  }
  expect((await post("unkept", { givenName: "Ana" })).statusCode).toBe(201);
  expect(await drivers()).toBe(before + 1);
});

test("what was refused may be tried again under its key", async () => {
  await post("taken-1", { givenName: "Ana", externalId: "A" });
  expect((await post("taken-2", { givenName: "Ana", externalId: "A" })).statusCode).toBe(409);
  const { data } = (await api.call(admin, "GET", "/v1/drivers?externalId=A")).json();
  await api.call(admin, "DELETE", `/v1/drivers/${data[0].id}`);
  expect((await post("taken-2", { givenName: "Ana", externalId: "A" })).statusCode).toBe(201);
});

test("keys are forgotten after a day, and are one fleet's", async () => {
  const [one, other] = [await api.fleet(), await api.fleet()];
  const mine = { secret: await api.key({ fleetId: one }) };
  const theirs = { secret: await api.key({ fleetId: other }) };
  const first = (await post("day", { givenName: "Ana" }, mine)).json();
  const elsewhere = (await post("day", { givenName: "Ana" }, theirs)).json();
  expect([first.fleetId, elsewhere.fleetId]).toEqual([one, other]);
  await api.database.pool.query("update idempotency_key set created_at = now() - interval '25 hours'");
  expect((await post("day", { givenName: "Ana" }, mine)).json().id).not.toBe(first.id);
});

test("neither the key nor the answer can be read in the store", async () => {
  const secret = (await post("secret-key", { name: "n", scopes: ["routes:read"] }, { url: "/v1/keys" })).json().secret;
  const { rows } = await api.database.pool.query(
    "select key_hash, answer from idempotency_key where answer is not null",
  );
  const text = rows.map((row) => row.key_hash.toString("latin1") + row.answer.toString("latin1")).join();
  expect([text.includes("secret-key"), text.includes(secret), text.includes("routes:read")]).toEqual([
    false,
    false,
    false,
  ]);
  const again = await post("secret-key", { name: "n", scopes: ["routes:read"] }, { url: "/v1/keys" });
  expect(again.json().secret).toBe(secret);
});

test("a key that cannot be one is refused", async () => {
  for (const key of ["", "k".repeat(256), "with space"]) {
    expect((await post(key, { givenName: "Ana" })).json().code).toBe("idempotency_key_malformed");
  }
});

test("addresses are looked up at a geocoder, once each, and what it does not know is told", async () => {
  const asked: string[] = [];
  const answers: Record<string, [status: number, body: string]> = {
    "Rua A 1": [200, JSON.stringify([{ lat: "41.1579", lon: "-8.6291", display_name: "x" }])],
    "Rua Nenhuma": [200, "[]"],
    "Rua Longa": [500, "oops"],
    "Rua Estranha": [200, "<html>"],
    "Rua Fora": [200, JSON.stringify([{ lat: "141", lon: "x" }])],
  };
  const server = createServer((request, response) => {
    const { searchParams, pathname } = new URL(request.url!, "http://geocoder");
    asked.push(`${pathname} ${searchParams.get("format")} ${searchParams.get("q")}`);
    const [status, body] = answers[searchParams.get("q")!]!;
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/nominatim/`;
  const located = await openTestApi({ geocode: openGeocoder(url) });
  try {
    const key = await located.key();
    const call = (address: string) => located.call(key, "POST", "/v1/stops", { address });
    expect((await call("Rua A 1")).json()).toMatchObject({ lat: 41.1579, lon: -8.6291, address: "Rua A 1" });
    expect((await call("Rua A 1")).statusCode).toBe(201);
    expect(asked).toEqual(["/nominatim/search jsonv2 Rua A 1"]);
    const codes = [];
    for (const address of ["Rua Nenhuma", "Rua Longa", "Rua Estranha", "Rua Fora"]) {
      const answer = await call(address);
      codes.push([answer.statusCode, answer.json().code]);
    }
    expect(codes).toEqual([
      [422, "address_unknown"],
      [503, "geocoder_away"],
      [503, "geocoder_away"],
      [503, "geocoder_away"],
    ]);
    await new Promise((resolve) => server.close(resolve));
    expect((await call("Rua Outra")).json().code).toBe("geocoder_away");
  } finally {
    await located.close();
    server.close();
  }
});
