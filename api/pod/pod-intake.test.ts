import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, type TestApi } from "../testing.ts";
import { deliveryParts, sendPod, storeStop } from "./test-forms.ts";
import { testJpeg, testPng } from "./test-images.ts";

let api: TestApi;
let fleetId: number;
let secret: string;

beforeAll(async () => {
  api = await openTestApi();
  fleetId = await api.fleet();
  secret = await api.key({ fleetId });
});

afterAll(() => api?.close());

const count = async (sql: string, ...values: unknown[]): Promise<number> =>
  (await api.database.pool.query(sql, values)).rows[0].count;

test("a proof is stored with its pictures, its event and its custody, and read back", async () => {
  const stopId = await storeStop(api.database, fleetId);
  const photo = testJpeg(1);
  const parts = deliveryParts(
    [
      ["signature", testPng(1)],
      ["scan", "A-1"],
      ["scan", "A-2"],
    ],
    photo,
  );
  const answer = await sendPod(api, secret, stopId, parts);
  expect([answer.statusCode, answer.json().code]).toEqual([201, undefined]);
  const pod = answer.json();
  expect(pod).toMatchObject({ stopId, outcome: "delivered", recipientName: "Ada Lovelace", scans: ["A-1", "A-2"] });
  expect(
    pod.artefacts.map((artefact: { kind: string; mediaType: string }) => [artefact.kind, artefact.mediaType]),
  ).toEqual([
    ["photo", "image/jpeg"],
    ["signature", "image/png"],
  ]);
  expect(pod.artefacts[0].sha256).toBe(createHash("sha256").update(photo).digest("hex"));

  const shown = await api.app.inject({ method: "GET", url: pod.artefacts[0].url });
  expect([shown.statusCode, shown.headers["content-type"], shown.rawPayload.equals(photo)]).toEqual([
    200,
    "image/jpeg",
    true,
  ]);
  const custody = (await api.call(secret, "GET", `/v1/pods/${pod.id}/custody`)).json().data;
  expect(custody.map(({ action }: { action: string }) => action)).toEqual(["uploaded", "viewed"]);
  const events = await api.database.pool.query(
    "select data from event where type = 'pod.received' and data->>'podId' = $1",
    [pod.id],
  );
  expect(events.rows[0].data).toMatchObject({ stopId, outcome: "delivered", artefacts: 2 });
  const newest = (await api.call(secret, "GET", `/v1/stops/${stopId}/pod`)).json();
  expect(newest.id).toBe(pod.id);
});

test("nothing personal and no picture stands in the tables in clear", async () => {
  const stopId = await storeStop(api.database, fleetId);
  const photo = testJpeg(2, "a secret comment in the picture");
  await sendPod(api, secret, stopId, deliveryParts([], photo));
  const { rows } = await api.database.pool.query(
    "select p.sealed as pod, a.sealed as artefact from pod p join artefact a using (pod_id) where p.stop_id = $1",
    [stopId],
  );
  expect(rows[0].pod.includes("Ada")).toBe(false);
  expect(rows[0].artefact.includes("secret comment")).toBe(false);
});

test("a retry is the same proof, whatever its clock shows by then, and other content is refused", async () => {
  const stopId = await storeStop(api.database, fleetId);
  const parts = deliveryParts([["clientId", "phone-1"]]);
  const later = parts.map((part) => (part[0] === "sentAt" ? (["sentAt", "2026-11-22T12:10:00Z"] as const) : part));
  const answers = await Promise.all([parts, later, parts].map((one) => sendPod(api, secret, stopId, one)));
  expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 200, 201]);
  expect(new Set(answers.map((answer) => answer.json().id)).size).toBe(1);
  expect(await count("select count(*)::integer from pod where stop_id = $1", stopId)).toBe(1);
  expect(await count("select count(*)::integer from artefact where stop_id = $1", stopId)).toBe(1);
  const other = await sendPod(api, secret, stopId, deliveryParts([["clientId", "phone-1"]], testJpeg(9)));
  expect([other.statusCode, other.json().code]).toEqual([422, "pod_key_reused"]);
});

test("Idempotency-Key does as a client id does", async () => {
  const stopId = await storeStop(api.database, fleetId);
  const headers = { "idempotency-key": "k1" };
  const codes = [];
  for (let n = 0; n < 2; n++) codes.push((await sendPod(api, secret, stopId, deliveryParts(), headers)).statusCode);
  expect(codes).toEqual([201, 200]);
});

test("what the job asks for is refused or marked, as its policy says", async () => {
  const requires = ["photo", "signature", "idCheck", "pin"];
  const marking = await storeStop(api.database, fleetId, {
    policy: { proof: { requires, pin: "4711", scans: ["B-1"] } },
  });
  const marked = (await sendPod(api, secret, marking, deliveryParts([["pin", "4712"]]))).json();
  expect(marked.missing).toEqual(["signature", "idCheck", "pin", "scan B-1"]);
  expect(marked.pinConfirmed).toBe(false);
  const refusing = await storeStop(api.database, fleetId, {
    policy: { proof: { requires: ["pin"], lacking: "refuse", pin: "4711" } },
  });
  const refused = await sendPod(api, secret, refusing, deliveryParts());
  expect([refused.statusCode, refused.json().code, refused.json().missing]).toEqual([422, "pod_incomplete", ["pin"]]);
  const taken = await sendPod(api, secret, refusing, deliveryParts([["pin", "4711"]]));
  expect([taken.statusCode, taken.json().pinConfirmed]).toEqual([201, true]);
});

test("a PIN can't be found by trying", async () => {
  const policy = { proof: { requires: ["pin"], lacking: "refuse", pin: "4711" } };
  const stopId = await storeStop(api.database, fleetId, { policy });
  for (let n = 0; n < 5; n++) await sendPod(api, secret, stopId, deliveryParts([["pin", `100${n}`]]));
  expect((await sendPod(api, secret, stopId, deliveryParts([["pin", "4711"]]))).statusCode).toBe(422);
});

test("nor by trying many at once", async () => {
  const policy = { proof: { requires: ["pin"], lacking: "refuse", pin: "4711" } };
  const stopId = await storeStop(api.database, fleetId, { policy });
  await Promise.all(
    ["1", "2", "3", "4", "5", "6", "7"].map((n) => sendPod(api, secret, stopId, deliveryParts([["pin", `100${n}`]]))),
  );
  const { rows } = await api.database.pool.query("select failures from pin_failure where stop_id = $1", [stopId]);
  expect(rows).toEqual([{ failures: 5 }]);
});

test("a failed attempt needs its reason and nothing else", async () => {
  const stopId = await storeStop(api.database, fleetId, {
    policy: { proof: { requires: ["photo"], lacking: "refuse" } },
  });
  const parts = [
    ["outcome", "failed"],
    ["deviceTime", "2026-11-22T11:59:00Z"],
  ] as const;
  expect((await sendPod(api, secret, stopId, parts)).statusCode).toBe(400);
  const answer = await sendPod(api, secret, stopId, [...parts, ["reason", "nobody home"]]);
  expect([answer.statusCode, answer.json().reason]).toEqual([201, "nobody home"]);
});

test("a signed URL opens one artefact, for a day, and nothing when it is changed", async () => {
  const stopId = await storeStop(api.database, fleetId);
  const pod = (await sendPod(api, secret, stopId, deliveryParts([["photo", testJpeg(5)]]))).json();
  const [first, second] = pod.artefacts.map(({ url }: { url: string }) => url) as [string, string];
  const status = async (url: string): Promise<number> => (await api.app.inject({ method: "GET", url })).statusCode;
  expect(await status(first)).toBe(200);
  expect(await status(first.replace(/artefacts\/\d+/, second.match(/artefacts\/\d+/)![0]))).toBe(404);
  expect(await status(first.replace(/expires=(\d)/, "expires=9$1"))).toBe(404);
  expect(await status(first.replace(/for=[^&]+/, "for=somebody"))).toBe(404);
  api.clock.nowMs += 86_400_001;
  expect(await status(first)).toBe(404);
  api.clock.nowMs -= 86_400_001;
});

test("an erased recipient can be read by nobody, and nothing more is taken for them", async () => {
  const stopId = await storeStop(api.database, fleetId, { policy: { proof: { pin: "4711", scans: [] } } });
  await api.database.pool.query("update stop set address = '1 Door Street' where stop_id = $1", [stopId]);
  const pod = (await sendPod(api, secret, stopId, deliveryParts())).json();
  const erased = await api.call(secret, "POST", `/v1/stops/${stopId}/erase-recipient`);
  expect(erased.json()).toEqual({ stopId, pods: 1 });
  const after = (await api.call(secret, "GET", `/v1/pods/${pod.id}`)).json();
  expect([after.recipientName, after.artefacts[0].url, after.erasedAt === null]).toEqual([null, null, false]);
  expect((await api.app.inject({ method: "GET", url: pod.artefacts[0].url })).statusCode).toBe(404);
  const { rows } = await api.database.pool.query(
    "select contact, address, policy, version, key from stop join recipient_key using (stop_id) where stop_id = $1",
    [stopId],
  );
  const forgotten = { contact: {}, address: null, policy: { proof: { scans: [] } }, version: 2, key: null };
  expect(rows[0]).toEqual(forgotten);
  expect((await sendPod(api, secret, stopId, deliveryParts())).json().code).toBe("recipient_erased");
});

test("an erased recipient does not come back with tomorrow's file, and the same file changes nothing", async () => {
  const said = {
    lat: 41.15,
    lon: -8.61,
    address: "1 Door Street",
    contact: { name: "Ada Lovelace" },
    notes: "ring twice",
  };
  const policy = { proof: { pin: "4711", requires: ["photo"] } };
  const put = async () => (await api.call(secret, "PUT", "/v1/stops/external/again", { ...said, policy })).json();
  const { id } = await put();
  await api.call(secret, "POST", `/v1/stops/${id}/erase-recipient`);
  const before = (await api.call(secret, "GET", `/v1/stops/${id}`)).json();
  expect(before).toMatchObject({ contact: {}, notes: null, address: null, policy: { proof: { requires: ["photo"] } } });
  expect(await put()).toEqual(before);
  await api.app.inject({
    ...{ method: "POST", url: "/v1/imports" },
    headers: { authorization: `Bearer ${secret}`, "content-type": "text/csv" },
    body: "externalId,lat,lon,name,address\nagain,41.15,-8.61,Ada,1 Door Street\n",
  });
  expect((await api.call(secret, "GET", `/v1/stops/${id}`)).json()).toEqual(before);
});

test("a person's word stands beside the proof, and neither it nor custody can be changed", async () => {
  const stopId = await storeStop(api.database, fleetId);
  const pod = (await sendPod(api, secret, stopId, deliveryParts())).json();
  const said = await api.call(secret, "POST", `/v1/pods/${pod.id}/override`, {
    verdict: "accepted",
    note: "I phoned them",
  });
  expect([said.statusCode, said.json().override.note]).toEqual([201, "I phoned them"]);
  for (const table of ["custody", "pod_override", "evidence"]) {
    await expect(api.database.pool.query(`delete from ${table}`)).rejects.toThrow("append-only");
  }
  const reader = await api.key({ fleetId, scopes: ["pods:read", "pods:write"] });
  const refused = await api.call(reader, "POST", `/v1/pods/${pod.id}/override`, {
    verdict: "accepted",
    note: "me too",
  });
  expect(refused.json().code).toBe("scope_missing");
});
