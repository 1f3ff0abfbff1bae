import { createHash } from "node:crypto";
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { storePod } from "#store/pods.ts";
import { openTestApi, TEST_NOW_MS, type TestApi } from "../testing.ts";
import { storeTrackedRoute, type TrackedRoute } from "./tracking-fixture.ts";

let api: TestApi;
let secret: string;
let route: TrackedRoute;

let pagesFolder: string;

beforeAll(async () => {
  pagesFolder = await mkdtemp(join(tmpdir(), "track-pages-"));
  await mkdir(join(pagesFolder, "assets"));
  await copyFile(new URL("../web/track.html", import.meta.url), join(pagesFolder, "track.html"));
  api = await openTestApi({ pagesFolder });
  secret = await api.key();
  route = await storeTrackedRoute(api.database, TEST_NOW_MS);
});

afterAll(async () => {
  await api?.close();
  await rm(pagesFolder, { recursive: true });
});

const HOUR_MS = 3_600_000;
const make = async (stopId: number, body: object = {}) => {
  const answer = await api.call(secret, "POST", `/v1/stops/${stopId}/links`, body);
  expect(answer.statusCode).toBe(201);
  return answer.json() as { id: string; url: string; token: string; expiresAt: string };
};
const look = (token: string, headers: Record<string, string> = {}) =>
  api.app.inject({ url: `/v1/track/${token}`, headers });

test("a link is made once with its token, and what is stored of it cannot be used", async () => {
  const made = await make(route.stopIds[0]!);
  expect(made.token).toMatch(/^[\w-]{22}$/);
  expect(made.url.endsWith(`/t/${made.token}`)).toBe(true);
  const { rows } = await api.database.pool.query("select * from tracking_link where link_id = $1", [made.id]);
  expect(JSON.stringify(rows)).not.toContain(made.token);
  const listed = (await api.call(secret, "GET", `/v1/stops/${route.stopIds[0]}/links`)).json();
  expect(listed.data.map(({ id }: { id: string }) => id)).toEqual([made.id]);
  expect(JSON.stringify(listed)).not.toContain(made.token);
});

test("a link shows its stop, and nothing of the others", async () => {
  const { token } = await make(route.stopIds[0]!);
  const answer = await look(token);
  expect(answer.statusCode).toBe(200);
  const view = answer.json();
  expect(view).toMatchObject({
    status: "en_route",
    stopsAway: 0,
    driver: { firstName: "Ana" },
    vehicle: { kind: "van", plate: null },
    stop: { address: "Rua 0", timeZone: "Europe/Lisbon" },
    brand: { name: "Fresh & Co", logo: `/t/${token}/logo` },
  });
  expect(view.position).not.toBeNull();
  expect(view.path).not.toBeNull();
  for (const secretText of ["Sousa", "Rua 1", "Rua 2", "AB-12-CD", "tracker-1"]) {
    expect(answer.body).not.toContain(secretText);
  }
  expect(answer.headers).toMatchObject({
    "cache-control": "private, no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
  });
});

test("several links of a stop show what each of them may", async () => {
  const closed = await make(route.stopIds[0]!, { visibility: { position: "never", driver: "never", plate: "always" } });
  expect((await look(closed.token)).json()).toMatchObject({
    position: null,
    path: null,
    driver: null,
    vehicle: { kind: "van", plate: "AB-12-CD" },
  });
  const second = await make(route.stopIds[1]!);
  const view = (await look(second.token)).json();
  expect([view.position === null, view.path]).toEqual([false, null]);
});

test("unknown, malformed, early, late and revoked look alike", async () => {
  const stopId = route.stopIds[2]!;
  const revoked = await make(stopId);
  expect((await api.call(secret, "DELETE", `/v1/stops/${stopId}/links/${revoked.id}`)).statusCode).toBe(204);
  const early = await make(stopId, { notBefore: new Date(TEST_NOW_MS + HOUR_MS).toISOString() });
  const late = await make(stopId, { expiresAt: new Date(TEST_NOW_MS + 1_000).toISOString() });
  api.clock.nowMs += 2_000;
  try {
    const tokens = ["A".repeat(22), "short", revoked.token, early.token, late.token];
    for (const path of ["/v1/track/", "/t/"]) {
      const answers = await Promise.all(tokens.map((token) => api.app.inject({ url: path + token })));
      const seen = answers.map(({ statusCode, body, headers }) => ({
        statusCode,
        body: body.replace(/"requestId":"[^"]+"/, ""),
        names: Object.keys(headers).sort(),
      }));
      for (const answer of seen) expect(answer).toEqual(seen[0]);
      expect(seen[0]!.statusCode).toBe(404);
    }
  } finally {
    api.clock.nowMs = TEST_NOW_MS;
  }
});

test("a link lives for seven days at most, whatever was asked", async () => {
  const { expiresAt } = await make(route.stopIds[2]!, {
    expiresAt: new Date(TEST_NOW_MS + 999 * HOUR_MS).toISOString(),
  });
  expect(Date.parse(expiresAt)).toBe(TEST_NOW_MS + 7 * 24 * HOUR_MS);
  const past = { expiresAt: new Date(TEST_NOW_MS - 1).toISOString() };
  const refused = await api.call(secret, "POST", `/v1/stops/${route.stopIds[2]}/links`, past);
  expect([refused.statusCode, refused.json().code]).toEqual([422, "link_never_open"]);
});

test("a link closes two hours after its stop is over, and a position shows no more at once", async () => {
  const gone = await storeTrackedRoute(api.database, TEST_NOW_MS);
  const { token } = await make(gone.stopIds[0]!);
  await api.database.pool.query("update stop_state set status = 'departed', departed_at = $2 where stop_id = $1", [
    gone.stopIds[0],
    new Date(TEST_NOW_MS - HOUR_MS),
  ]);
  expect((await look(token)).json()).toMatchObject({ status: "departed", position: null, path: null, driver: null });
  api.clock.nowMs = TEST_NOW_MS + HOUR_MS;
  try {
    expect((await look(token)).statusCode).toBe(404);
  } finally {
    api.clock.nowMs = TEST_NOW_MS;
  }
});

test("proof shows initials, photos only where they are asked for, and every look at one leaves a line", async () => {
  const done = await storeTrackedRoute(api.database, TEST_NOW_MS);
  const stopId = done.stopIds[0]!;
  const bytes = Buffer.from("a photo");
  await storePod(api.database, null, {
    ...{ stopId: String(stopId), clientKey: null, contentHash: Buffer.from("x"), outcome: "delivered", reason: null },
    // The phone's clock is seven hours behind.
    ...{ deviceTimeMs: TEST_NOW_MS - 7 * HOUR_MS - 60_000, sentAtMs: TEST_NOW_MS - 7 * HOUR_MS },
    ...{ receivedAtMs: TEST_NOW_MS, position: null, mock: false, missing: [], pinConfirmed: null, who: "key:1" },
    details: { recipientName: "Maria Silva", relationship: null, notes: "secret note", scans: [], idCheck: null },
    artefacts: [{ kind: "photo", mediaType: "image/png", bytes, sha256: createHash("sha256").update(bytes).digest() }],
  });
  const plain = await make(stopId);
  const asked = await make(stopId, { visibility: { photo: "always" } });
  const shy = await make(stopId, { visibility: { photo: "always", proof: "never" } });
  const view = (await look(asked.token)).json();
  expect(view).toMatchObject({
    status: "delivered",
    position: null,
    proof: { outcome: "delivered", at: new Date(TEST_NOW_MS - 60_000).toISOString(), recipientInitials: "M. S." },
  });
  for (const text of ["Maria", "Silva", "secret note"]) expect(JSON.stringify(view)).not.toContain(text);
  const photo = await api.app.inject({ url: view.proof.photos[0] });
  expect([photo.statusCode, photo.body, photo.headers["content-type"]]).toEqual([200, "a photo", "image/png"]);
  expect((await look(plain.token)).json().proof.photos).toEqual([]);
  expect((await look(shy.token)).json().proof).toBeNull();
  const id = view.proof.photos[0].split("/").at(-1);
  for (const { token } of [plain, shy]) {
    expect((await api.app.inject({ url: `/t/${token}/photos/${id}` })).statusCode).toBe(404);
  }
  const { rows } = await api.database.pool.query("select who from custody where stop_id = $1 and action = 'viewed'", [
    stopId,
  ]);
  expect(rows).toEqual([{ who: `tracking link:${asked.id}` }]);
});

test("openings of the page are counted, looks of its script are not", async () => {
  const counted = await openTestApi({ pagesFolder, limits: { linkViewsFlushMs: 20 } });
  try {
    const own = await storeTrackedRoute(counted.database, TEST_NOW_MS);
    const key = await counted.key();
    const { token } = (await counted.call(key, "POST", `/v1/stops/${own.stopIds[0]}/links`, {})).json();
    for (let visit = 0; visit < 3; visit++) await counted.app.inject({ url: `/t/${token}` });
    await counted.app.inject({ method: "HEAD", url: `/t/${token}` });
    await counted.app.inject({ url: `/v1/track/${token}` });
    const listed = async () => (await counted.call(key, "GET", `/v1/stops/${own.stopIds[0]}/links`)).json();
    await expect.poll(async () => (await listed()).data[0].views).toBe(3);
  } finally {
    await counted.close();
  }
});

test("a vehicle in a privacy zone is not shown", async () => {
  const { token } = await make(route.stopIds[0]!);
  const zone = {
    type: "Feature",
    geometry: { type: "Point", coordinates: [route.vehicle.lonDeg, route.vehicle.latDeg] },
    properties: { radius_m: 50, kind: "privacy" },
    fleetId: 1,
  };
  const { id } = (await api.call(secret, "POST", "/v1/geofences", zone)).json();
  expect((await look(token)).json()).toMatchObject({ position: null, path: null });
  await api.call(secret, "DELETE", `/v1/geofences/${id}`);
  expect((await look(token)).json().position).not.toBeNull();
});

test("the state has a tag that stays while nothing changes", async () => {
  const { token } = await make(route.stopIds[0]!);
  const first = await look(token);
  const tag = String(first.headers.etag);
  const again = await look(token, { "if-none-match": tag });
  expect([again.statusCode, again.body]).toEqual([304, ""]);
  expect(again.headers.etag).toBe(tag);
  expect(first.json().poll_after_ms).toBeGreaterThan(0);
});

test("the page reads without a script, in the language of the browser", async () => {
  const { token } = await make(route.stopIds[0]!);
  const page = await api.app.inject({
    url: `/t/${token}`,
    headers: { "accept-language": "xx, de-AT;q=0.9, en;q=0.8" },
  });
  expect(page.statusCode).toBe(200);
  expect(page.body).toContain('<html lang="de">');
  for (const text of ["Auf dem Weg zu Ihnen", "12:05 – 12:20", "Spätestens um 12:20", "Fresh &amp; Co", "Ana"]) {
    expect(page.body).toContain(text);
  }
  expect(page.headers).toMatchObject({
    "cache-control": "private, no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
  });
  expect(String(page.headers["content-security-policy"])).not.toMatch(/https?:|unsafe/);
  const french = await api.app.inject({ url: `/t/${token}`, headers: { "accept-language": "fr" } });
  expect(french.body).toContain("En route vers vous");
});

test("making and revoking a link are events, told once", async () => {
  const stopId = route.stopIds[1]!;
  const { id } = await make(stopId);
  for (let call = 0; call < 2; call++) await api.call(secret, "DELETE", `/v1/stops/${stopId}/links/${id}`);
  const { rows } = await api.database.pool.query(
    "select type, data ->> 'stopId' as stop, data ->> 'routeId' as route from event where data ->> 'linkId' = $1 order by event_seq",
    [id],
  );
  const subject = { stop: String(stopId), route: String(route.routeId) };
  expect(rows).toEqual([
    { type: "link.created", ...subject },
    { type: "link.revoked", ...subject },
  ]);
});

test("requests are counted by address and by how a token begins", async () => {
  const strict = await openTestApi({ limits: { trackAddressRequestsMax: 8, trackTokenRequestsMax: 3 } });
  try {
    const ask = async (token: string) => (await strict.app.inject({ url: `/v1/track/${token}` })).statusCode;
    const alike = ["abcdef1", "abcdef2", "abcdef3", "abcdef4"];
    const answers: number[] = [];
    for (const token of alike) answers.push(await ask(token));
    expect(answers).toEqual([404, 404, 404, 429]);
    const others: number[] = [];
    for (let n = 0; n < 5; n++) others.push(await ask(`other${n}-token`));
    expect(others).toEqual([404, 404, 404, 404, 429]);
  } finally {
    await strict.close();
  }
});
