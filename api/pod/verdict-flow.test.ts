import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyArchive } from "#stream/evidence/verify-archive.ts";
import { judgeRound } from "#stream/judge/pod-judge.ts";
import { watchLoads } from "#stream/judge/watch-loads.ts";
import { openTestApi, settleFeeds, TEST_NOW_MS, type TestApi } from "../testing.ts";
import { deliveryParts, sendPod, storeStop } from "./test-forms.ts";
import { testJpeg } from "./test-images.ts";

let api: TestApi;
let fleetId: number;
let secret: string;
let client: pg.Client;
let devices = 0;
const [LAT, LON] = [41.15, -8.61];
const MADE_MS = TEST_NOW_MS - 2_000;

beforeAll(async () => {
  api = await openTestApi();
  fleetId = await api.fleet();
  secret = await api.key({ fleetId });
  client = new pg.Client({ connectionString: api.database.url });
  await client.connect();
});

afterAll(async () => {
  await client?.end();
  await api?.close();
});

type Van = { vehicleId: number; deviceId: number };

async function van(): Promise<Van> {
  const deviceId = await api.device(fleetId, `van ${++devices}`);
  const made = await client.query("insert into vehicle (fleet_id, kind) values ($1, 'van') returning vehicle_id", [
    fleetId,
  ]);
  const vehicleId: number = made.rows[0].vehicle_id;
  await client.query(
    "insert into vehicle_device (vehicle_id, device_id, priority, bound_from) values ($1, $2, 1, '2026-01-01')",
    [vehicleId, deviceId],
  );
  return { vehicleId, deviceId };
}

let fixIds = 4_096;

/** Fixes of a van at an offset north of the stop, every ten seconds, with the frame that each came in. */
async function report(
  { deviceId }: Van,
  fromS: number,
  toS: number,
  place: { northM?: number; speedMps?: number; celsius?: number } = {},
): Promise<void> {
  for (let second = fromS; second <= toS; second += 10) {
    fixIds += 1024;
    const at = new Date(MADE_MS + second * 1000);
    const attributes = { ignition: false, ...(place.celsius === undefined ? {} : { "temperature.1": place.celsius }) };
    await client.query(
      `with made as (
        insert into frame_batch (seq, last_seq, partition, received_from, received_to, device_id, received_at, kind,
          protocol, transport, remote_address, bytes)
        values ($1::bigint / 1024, $1::bigint / 1024, 0, $3, $3, array[$2::integer], array[$3::timestamptz], '{frame}',
          '{teltonika}', '{tcp}', '{null}', array[decode('00', 'hex')])
      )
      insert into fix (fix_id, device_id, fix_time, fingerprint, received_at, stored_at, commit_xid, kind, protocol, valid,
        late, buffered, lat_deg, lon_deg, speed_mps, hdop, attributes)
      values ($1, $2, $3, $1, $3, $3, pg_current_xact_id()::text::bigint, 'fix', 'teltonika', true, false, false,
        $4, $5, $6, 1, $7)`,
      [fixIds, deviceId, at, LAT + (place.northM ?? 0) / 111_195, LON, place.speedMps ?? 0, attributes],
    );
  }
  await client.query(
    `insert into device_state (device_id, partition, last_seq, fix_time) values ($1, 0, 1, $2)
    on conflict (device_id) do update set fix_time = greatest(device_state.fix_time, $2)`,
    [deviceId, new Date(MADE_MS + toS * 1000)],
  );
}

const judgeAt = async (nowMs: number): Promise<number> => {
  await settleFeeds(api.database);
  return judgeRound(client, nowMs, { error: (detail: unknown) => expect(detail).toBe("nothing") }, 0);
};

const verdictsOf = async (podId: string) => (await api.call(secret, "GET", `/v1/pods/${podId}/verdicts`)).json().data;

test("a proof is judged when it comes in, and again when late telemetry lands: nothing is overwritten", async () => {
  const vehicle = await van();
  const stopId = await storeStop(api.database, fleetId, { vehicleId: vehicle.vehicleId });
  await report(vehicle, -1_200, -600, { northM: 3_000, speedMps: 10 });
  const pod = (await sendPod(api, secret, stopId, deliveryParts([], testJpeg(11)))).json();
  expect(await judgeAt(TEST_NOW_MS)).toBe(1);
  const [first] = await verdictsOf(pod.id);
  expect([first.version, first.verdict, first.reasons.map((reason: { code: string }) => reason.code)]).toEqual([
    1,
    "inconclusive",
    ["PHONE_AT_STOP", "TELEMETRY_PENDING"],
  ]);
  expect(await judgeAt(TEST_NOW_MS + 1_800_000)).toBe(0);

  await report(vehicle, -300, 900, { northM: 12 });
  expect(await judgeAt(TEST_NOW_MS + 2_400_000)).toBe(1);
  const versions = await verdictsOf(pod.id);
  expect(versions.map(({ version, verdict }: { version: number; verdict: string }) => [version, verdict])).toEqual([
    [2, "corroborated"],
    [1, "inconclusive"],
  ]);
  expect(versions[0].vanished).toEqual(["TELEMETRY_PENDING"]);
  expect(versions[0].appeared).toContain("VEHICLE_AT_STOP");
  const { rows } = await client.query(
    "select type, data, supersedes, event_id from event where data ->> 'podId' = $1 order by event_seq",
    [pod.id],
  );
  expect(rows.map(({ type }) => type)).toEqual(["pod.received", "pod.verdict", "pod.verdict.revised"]);
  expect(rows[2].supersedes).toBe(rows[1].event_id);
  expect(rows[2].data).toMatchObject({ stopId, previous: "inconclusive", verdict: "corroborated", version: 2 });
  expect(await judgeAt(TEST_NOW_MS + 2_500_000)).toBe(0);
});

test("a proof signed kilometres away is contradicted, with its numbers and its picture", async () => {
  const vehicle = await van();
  const stopId = await storeStop(api.database, fleetId, { vehicleId: vehicle.vehicleId });
  await report(vehicle, -400, 700, { northM: 4_200, speedMps: 8 });
  const pod = (await sendPod(api, secret, stopId, deliveryParts([], testJpeg(12)))).json();
  await judgeAt(TEST_NOW_MS + 3_600_000);
  const shown = (await api.call(secret, "GET", `/v1/pods/${pod.id}`)).json();
  expect(shown.verdict.verdict).toBe("contradicted");
  expect(shown.verdict.explanation.join(" ")).toContain("no nearer than 4.2 km");
  expect(shown.verdict.explanation.length).toBeLessThanOrEqual(6);
  expect(shown.verdict.map).toMatch(/^<svg .*<\/svg>$/);
});

test("a photo that another stop had before is found", async () => {
  const [one, other] = [
    await storeStop(api.database, fleetId),
    await storeStop(api.database, fleetId, { latDeg: LAT + 0.05 }),
  ];
  await sendPod(api, secret, one, deliveryParts([], testJpeg(77)));
  const pod = (await sendPod(api, secret, other, deliveryParts([], testJpeg(77)))).json();
  await judgeAt(TEST_NOW_MS);
  const [verdict] = await verdictsOf(pod.id);
  expect([verdict.verdict, verdict.reasons[0].code, verdict.reasons[0].observed]).toEqual([
    "contradicted",
    "SAME_ARTEFACT_REUSED",
    `stop ${one}`,
  ]);
});

test("evidence is exported, verified without us, and stays so when the recipient is erased", async () => {
  const vehicle = await van();
  const stopId = await storeStop(api.database, fleetId, { vehicleId: vehicle.vehicleId });
  await report(vehicle, -100, 700, { northM: 9 });
  const pod = (await sendPod(api, secret, stopId, deliveryParts([], testJpeg(13)))).json();
  const early = await api.call(secret, "GET", `/v1/pods/${pod.id}/evidence`);
  expect([early.statusCode, early.json().code]).toEqual([404, "not_judged"]);
  await judgeAt(TEST_NOW_MS + 3_600_000);
  await api.call(secret, "POST", `/v1/pods/${pod.id}/override`, { verdict: "accepted", note: "seen by me" });
  const exported = await api.call(secret, "GET", `/v1/pods/${pod.id}/evidence`);
  expect([exported.statusCode, exported.headers["content-type"]]).toEqual([200, "application/zip"]);
  const whole = verifyArchive(exported.rawPayload);
  expect(whole).toMatchObject({ kind: "verified", podId: pod.id, entries: 2, absent: 0 });
  expect(whole.kind === "verified" && whole.checked).toBeGreaterThan(150);
  await api.call(secret, "POST", `/v1/stops/${stopId}/erase-recipient`);
  const after = (await api.call(secret, "GET", `/v1/pods/${pod.id}/evidence`)).rawPayload;
  expect(verifyArchive(after)).toMatchObject({ kind: "verified", entries: 3, absent: 1 });
  expect(Buffer.from(after).includes(testJpeg(13))).toBe(false);
  const [head] = (await api.call(secret, "GET", "/v1/evidence?limit=1")).json().data;
  expect(head).toMatchObject({ kind: "erasure", podId: pod.id });
  expect(verifyArchive(after)).toMatchObject({ head: { position: head.position, chainSha256: head.chainSha256 } });
  const ended = whole.kind === "verified" ? whole.head : { position: 0 };
  const there = (await api.call(secret, "GET", `/v1/evidence?position=${ended.position}`)).json().data;
  expect(there).toMatchObject([{ kind: "override", ...ended }]);
  for (let at = 7; at < after.length; at += 997) {
    const flipped = Uint8Array.from(after);
    flipped[at]! ^= 4;
    expect([at, verifyArchive(flipped).kind]).toEqual([at, "failed"]);
  }
});

test("a load that gets too warm is told of while under way, once, and stands in the verdict and in the record", async () => {
  const vehicle = await van();
  const policy = { temperature: { minCelsius: 2, maxCelsius: 8, intervalSeconds: 60 } };
  const stopId = await storeStop(api.database, fleetId, { vehicleId: vehicle.vehicleId, policy });
  await client.query(
    `insert into route_state (route_id, version, status, started_at, fold)
    select route_id, 1, 'started', $2, '{}' from stop where stop_id = $1`,
    [stopId, new Date(MADE_MS - 1_500_000)],
  );
  await report(vehicle, -1_500, -900, { northM: 2_000, celsius: 5 });
  await report(vehicle, -890, -400, { northM: 900, celsius: 11.5 });
  await report(vehicle, -390, 700, { northM: 3, celsius: 6 });
  for (let again = 0; again < 2; again++) await watchLoads(client, TEST_NOW_MS);
  const { rows } = await client.query(
    "select type, data from event where type like 'temperature.%' order by event_seq",
  );
  expect(rows.map(({ type }) => type)).toEqual(["temperature.excursion_started", "temperature.excursion_ended"]);
  expect(rows[1].data).toMatchObject({ side: "above", worstCelsius: 11.5, seconds: 500 });
  const pod = (await sendPod(api, secret, stopId, deliveryParts([], testJpeg(14)))).json();
  await judgeAt(TEST_NOW_MS + 3_600_000);
  const [verdict] = await verdictsOf(pod.id);
  expect([verdict.verdict, verdict.temperature.result]).toEqual(["corroborated", "excursion"]);
  const csv = (await api.call(secret, "GET", `/v1/stops/${stopId}/temperature.csv`)).payload.trim().split("\n");
  expect(csv[0]).toBe("time,device,probe,celsius,state");
  expect(csv.filter((line) => line.endsWith(",above")).length).toBe(50);
});

test("a day's deliveries come as a table that no spreadsheet runs", async () => {
  const ours = await api.fleet();
  const key = await api.key({ fleetId: ours });
  const stopId = await storeStop(api.database, ours);
  const parts = deliveryParts([], testJpeg(15)).filter(([name]) => name !== "recipientName");
  await sendPod(api, key, stopId, [...parts, ["recipientName", "=HYPERLINK(1)"]]);
  const answer = await api.call(key, "GET", "/v1/deliveries.csv?day=2026-11-22");
  expect(answer.headers["content-type"]).toContain("text/csv");
  const [head, ...lines] = answer.payload.trim().split("\n");
  expect(head!.split(",").slice(0, 4)).toEqual(["pod", "stop", "stopExternalId", "route"]);
  expect(lines.length).toBe(1);
  expect(lines[0]).toContain("'=HYPERLINK(1)");
  const theirs = await api.call(
    await api.key({ fleetId: await api.fleet() }),
    "GET",
    "/v1/deliveries.csv?day=2026-11-22",
  );
  expect(theirs.payload.trim().split("\n").length).toBe(1);
});
