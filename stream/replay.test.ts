import pino from "pino";
import { beforeEach, expect, test } from "vitest";
import type { Attributes } from "#decoders/decoder.ts";
import { jsonDecoder } from "./json-device.ts";
import { type ReplayOptions, type ReplayResult, replay } from "./replay.ts";
import { at, START_MS, type StreamFixture, useStreamFixture } from "./stream-fixture.ts";

const DAY_MS = 86_400_000;
/** The day in which everything is received. */
const FROM_MS = START_MS + DAY_MS;
const TO_MS = FROM_MS + DAY_MS;

const { fixture, first, second } = await useStreamFixture();

let received: number;
beforeEach(() => {
  received = FROM_MS;
});

function append(deviceId: number, content: Parameters<StreamFixture["append"]>[1]): Promise<number> {
  received += 1000;
  return fixture.append(deviceId, content, { receivedAtMs: received });
}

/** A profile that has learnt what `io.9` means. */
const learnt = (attributes: Attributes): Attributes => {
  const { "io.9": doors, ...rest } = attributes;
  return doors === undefined ? rest : { ...rest, "door.1": doors === 1 };
};

async function again(options: Partial<ReplayOptions> = {}): Promise<ReplayResult & { lines: string[] }> {
  const lines: string[] = [];
  const result = await replay({
    database: fixture.database,
    fromMs: FROM_MS,
    toMs: TO_MS,
    apply: false,
    findDecoder: () => jsonDecoder(),
    log: pino({ level: "silent" }),
    write: (line) => lines.push(line),
    ...options,
  });
  return { ...result, lines };
}

async function aDay(): Promise<void> {
  await append(first, [at(20, { attributes: { "io.9": 1 } }), at(10)]);
  await append(second, [at(100, { attributes: { ignition: true } })]);
  await append(first, [at(20, { attributes: { "io.9": 1 } }), at(5, { attributes: { "io.9": 0 } })]);
  await append(second, [
    { ...at(1), timeMs: 77 },
    { ...at(2), timeMs: null },
  ]);
  await append(second, [{ ...at(1), timeMs: 77 }]);
  await append(second, "garbage");
  await fixture.foldAll();
}

test("a replay with what the stream was made with finds no difference", async () => {
  await aDay();
  const result = await again({ apply: true });
  expect(result).toMatchObject({ frames: 6, same: 6, changed: 0, missing: 0, extra: 0, resolved: 0, unusable: 0 });
  expect(result.applied).toBe(false);
});

test("a changed profile is seen, applied with the same ids, and a second replay finds no difference", async () => {
  await aDay();
  const before = await fixture.outcome();
  const findDecoder = () => jsonDecoder(learnt);

  const seen = await again({ findDecoder });
  expect(seen).toMatchObject({ same: 4, changed: 2, missing: 0, extra: 0, applied: false });
  expect(seen.lines).toContain("attribute door.1: added in 2 fixes");
  expect(seen.lines).toContain("attribute io.9: removed in 2 fixes");
  expect(seen.lines.join("\n")).toContain("io.9: 1 → -");
  expect(await fixture.outcome()).toEqual({ ...before, cursor: expect.anything() });

  expect(await again({ findDecoder, apply: true })).toMatchObject({ changed: 2, applied: true });
  const after = await fixture.outcome();
  const idsAndOrder = ({ fix }: typeof after) =>
    (fix as { row: Record<string, unknown> }[]).map(({ row }) => [row.fix_id, row.late, row.received_at, row.fix_time]);
  expect(idsAndOrder(after)).toEqual(idsAndOrder(before));
  expect(after.fix).toMatchObject([{ row: { attributes: { "door.1": true } } }, {}, {}, {}, {}, {}]);
  expect(after.device_state).toMatchObject([{ row: { attributes: { "door.1": true }, lat_deg: 41.002 } }, {}]);
  expect(JSON.stringify(after.device_state)).not.toContain("io.9");

  const second = await again({ findDecoder, apply: true });
  expect(second).toMatchObject({ same: 6, changed: 0, missing: 0, extra: 0, applied: false });
});

test("changed fixes appear again in the feed's order", async () => {
  await aDay();
  const [before] = await fixture.rows<{ newest: string }>("select max(commit_xid)::text as newest from fix");
  await again({ findDecoder: () => jsonDecoder(learnt), apply: true });
  const moved = await fixture.rows("select 1 from fix where commit_xid > $1::bigint", [before!.newest]);
  expect(moved).toHaveLength(2);
});

test("a running stream goes on from what a replay has written", async () => {
  await aDay();
  const stream = await fixture.start({ findDecoder: () => jsonDecoder(learnt) });
  await append(first, [at(30)]);
  await fixture.settled();
  await again({ findDecoder: () => jsonDecoder(learnt), apply: true });
  await append(first, [at(40)]);
  await fixture.settled();
  await fixture.stop(stream);
  expect(await fixture.rows("select attributes from device_state order by device_id limit 1")).toEqual([
    { attributes: { "door.1": true } },
  ]);
});

test("fixes that are gone come back, and fixes that no frame gives are taken away", async () => {
  await aDay();
  const before = await fixture.outcome();
  await fixture.rows("delete from fix where lat_deg = 41.001");
  await fixture.rows("update fix set lat_deg = 0 where lat_deg = 41.01");
  await fixture.rows(
    `insert into fix (fix_id, device_id, fix_time, fingerprint, received_at, stored_at, commit_xid, kind, protocol,
       valid, late, buffered, attributes)
     select fix_id + 500, device_id, fix_time + interval '1 h', fingerprint, received_at, stored_at, commit_xid, kind,
       protocol, false, false, false, '{}' from fix order by fix_id limit 1`,
  );
  const result = await again({ apply: true });
  expect(result).toMatchObject({ same: 4, changed: 1, missing: 1, extra: 1 });
  expect(result.lines).toContain("field lat_deg: 1 fixes");
  const { fix } = await fixture.outcome();
  expect(fix).toHaveLength(6);
  // What comes back after the device has gone on is late: that is the one difference.
  const withoutLate = (rows: unknown[] | undefined) =>
    (rows as { row: object }[]).map(({ row }) => ({ ...row, late: null }));
  expect(withoutLate(fix)).toEqual(withoutLate(before.fix));
  expect(await again()).toMatchObject({ same: 6, changed: 0, missing: 0, extra: 0 });
});

test("a frame that is understood now leaves the quarantine", async () => {
  await aDay();
  const decoder = jsonDecoder();
  const findDecoder: ReplayOptions["findDecoder"] = () => ({
    ...decoder,
    decode: (bytes, context) =>
      bytes[0] === 0x67
        ? decoder.decode(Buffer.from(`[${JSON.stringify(at(3))}]`), context)
        : decoder.decode(bytes, context),
  });
  expect(await again({ findDecoder, apply: true })).toMatchObject({ missing: 1, resolved: 1, applied: true });
  expect(await fixture.rows("select 1 from quarantine where resolved_at is null")).toEqual([]);
  expect(await again({ findDecoder })).toMatchObject({ same: 7, missing: 0, resolved: 0 });
  expect(await again()).toMatchObject({ extra: 1, unusable: 1 });
});

test("a window that begins or ends in the middle of a history finds no difference", async () => {
  await aDay();
  for (let cut = FROM_MS; cut < received + 2000; cut += 1000) {
    expect(await again({ fromMs: cut })).toMatchObject({ changed: 0, missing: 0, extra: 0, resolved: 0, unusable: 0 });
    expect(await again({ toMs: cut })).toMatchObject({ changed: 0, missing: 0, extra: 0, resolved: 0, unusable: 0 });
  }
});

test("a window that begins with a clock that leapt ahead knows how far it had come", async () => {
  const day = (second: number) => ({ ...at(0), timeMs: FROM_MS + second * 1000 });
  await append(first, [day(1)]);
  await append(first, [day(7_200)]);
  await append(first, [day(3)]);
  await fixture.foldAll();
  const { fix } = await fixture.outcome();
  expect(fix).toMatchObject([null, "future", null].map((clock_fault) => ({ row: { clock_fault } })));
  expect(await again({ fromMs: FROM_MS + 2000 })).toMatchObject({
    frames: 2,
    same: 2,
    changed: 0,
    missing: 0,
    extra: 0,
  });
});

test("frames that the stream has not reached yet are not missing", async () => {
  await aDay();
  await append(first, [at(200)]);
  expect(await again()).toMatchObject({ frames: 6, missing: 0 });
});

test("one device can be replayed alone, and an unknown one is an error", async () => {
  await aDay();
  expect(await again({ deviceUid: "device-2" })).toMatchObject({ frames: 4, same: 3 });
  await expect(again({ deviceUid: "nobody" })).rejects.toMatchObject({ code: "device" });
});

test("a fold that fails is reported and nothing is applied", async () => {
  await aDay();
  const before = await fixture.outcome();
  const findDecoder: ReplayOptions["findDecoder"] = () => ({
    ...jsonDecoder(),
    decode: () => {
      throw new Error("a new bug");
    },
  });
  expect((await again({ findDecoder })).lines).toContain("frames on which the fold fails: 6");
  await expect(again({ findDecoder, apply: true })).rejects.toMatchObject({ code: "fault" });
  expect(await fixture.outcome()).toEqual(before);
});

test("events and trips are compared and put right, for devices whose whole history is in the window", async () => {
  const third = fixture.deviceIds[2]!;
  for (let n = 0; n < 30; n++)
    await fixture.append(third, [at(n * 10 + 1, { headingDeg: 0, speedMps: 11 })], {
      receivedAtMs: FROM_MS + n * 1_000,
    });
  for (let n = 0; n < 14; n++) {
    const standing = { latDeg: 41.0291, speedMps: 0 };
    await fixture.append(third, [at(310 + n * 60, standing)], { receivedAtMs: FROM_MS + 40_000 + n * 1_000 });
  }
  await fixture.foldAll();
  const before = await fixture.outcome();
  expect(await again({ deviceUid: "device-3" })).toMatchObject({
    events: { same: 2, changed: 0, missing: 0, extra: 0 },
    trips: { same: 1, changed: 0, missing: 0, extra: 0 },
  });
  await fixture.rows("delete from event where type = 'trip.ended'");
  await fixture.rows("update trip set distance_m = distance_m + 1");
  const found = await again({ deviceUid: "device-3", apply: true });
  expect(found).toMatchObject({
    changed: 0,
    missing: 0,
    events: { same: 1, missing: 1 },
    trips: { changed: 1 },
    applied: true,
  });
  expect(found.lines).toContain("events: 1 same, 0 changed, 1 missing, 0 extra");
  const { event, trip } = await fixture.outcome();
  expect({ event, trip }).toEqual({ event: before.event, trip: before.trip });
  const cut = FROM_MS + 10_000;
  expect(await again({ deviceUid: "device-3", fromMs: cut })).toMatchObject({
    events: { missing: 0 },
    trips: { missing: 0 },
  });
});
