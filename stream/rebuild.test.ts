import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createGeofence } from "#store/geofences.ts";
import type { JsonReport } from "./json-device.ts";
import { drive, normalNoise, ROUND_THE_CORNER, TWO_STREETS } from "./match/sample-drives.ts";
import { StreamRoads } from "./match/stream-roads.ts";
import { drawRoads } from "./roads/sample-roads.ts";
import { at, openStreamFixture, START_MS, type StreamFixture } from "./stream-fixture.ts";

/** A receiver that missed the rollover of its week counter is wrong by this much. */
const ROLLOVER_MS = 1024 * 7 * 86_400_000;
const DAY_MS = 86_400_000;

let fixture: StreamFixture;

beforeAll(async () => {
  fixture = await openStreamFixture();
});

afterAll(() => fixture.close());

/** A device's life: buffered, late, doubled and resent reports, every fault of a clock, and frames nobody understands. */
async function* appendLife(): AsyncGenerator<void> {
  const [first, second, third] = fixture.deviceIds as [number, number, number];
  const append = async (...given: Parameters<StreamFixture["append"]>) => void (await fixture.append(...given));
  yield append(first, '{"sessions":1,"authLevel":"id"}', { kind: "connected" });
  yield append(first, [at(30), at(20), at(10)]);
  yield append(second, [at(5), at(5), at(6, { attributes: { ignition: true } })]);
  yield append(first, [at(20), at(15), at(40)]);
  yield append(first, "throw");
  yield append(third, [
    { ...at(1), timeMs: 0 },
    { ...at(2), timeMs: null },
  ]);
  yield append(third, [{ ...at(1), timeMs: 0 }]);
  yield append(third, [
    { ...at(3), timeMs: START_MS + 3_000 - ROLLOVER_MS },
    { ...at(4), timeMs: START_MS + 400 * DAY_MS },
  ]);
  yield append(second, '{"previousSilentMs":5}', { kind: "conflict" });
  yield append(second, [at(6, { attributes: { ignition: true } }), at(4), at(90)]);
  yield append(third, [{ ...at(3), timeMs: START_MS + 3_000 - ROLLOVER_MS }]);
  yield append(first, '{"sessions":0,"closeReason":"idle"}', { kind: "disconnected" });
}

test("what is derived comes out the same when it is wiped and folded again from the journal", async () => {
  // Live: one frame at a time, each in a stream's first batch. Rebuilt: all frames in one batch.
  for await (const _ of appendLife()) await fixture.foldAll();
  const live = await fixture.outcome();
  expect(live.fix!.length).toBeGreaterThan(12);
  expect(JSON.stringify(live.fix)).toContain('"late":true');
  for (const fault of ["unsynchronised", "rollover", "future"]) expect(JSON.stringify(live.fix)).toContain(fault);
  expect(live.quarantine).toHaveLength(1);

  await fixture.forget();
  await fixture.foldAll();
  expect(await fixture.outcome()).toEqual(live);
});

test("a rebuild that keeps the quarantine finds each of its frames there already", async () => {
  const before = await fixture.outcome();
  await fixture.rows("truncate fix, device_state, event, trip, path");
  await fixture.rows("update stream_cursor set seq = 0");
  await fixture.foldAll();
  expect(await fixture.outcome()).toEqual(before);
});

/** Two vehicles that deliver along two streets for a day, with ignition, noise, a backlog and mixed-up frames. */
function dayOf(vehicle: number): JsonReport[][] {
  const noise = normalNoise(vehicle + 1);
  const wander = () => [noise() * 4, noise() * 4] as const;
  const reports: JsonReport[] = [];
  let atMs = START_MS + vehicle * 1_000;
  const report = (place: { lat: number; lon: number }, speedMps: number, headingDeg: number, ignition: boolean) =>
    void reports.push({
      timeMs: atMs,
      latDeg: place.lat,
      lonDeg: place.lon,
      speedMps,
      headingDeg,
      attributes: { ignition },
    });
  for (let leg = 0; leg < 6; leg++) {
    const line = leg % 2 === 0 ? ROUND_THE_CORNER : ROUND_THE_CORNER.toReversed();
    for (const fix of drive(line, 11, 5, wander)) {
      atMs += 5_000;
      report(fix, fix.speedMps, fix.headingDeg, true);
    }
    const { latDeg: lat, lonDeg: lon } = reports.at(-1) as { latDeg: number; lonDeg: number };
    for (let pause = 0; pause < 8; pause++) {
      atMs += 60_000;
      report({ lat, lon }, 0, 0, false);
    }
  }
  const frames = Array.from({ length: Math.ceil(reports.length / 7) }, (_, n) => reports.slice(n * 7, n * 7 + 7));
  // What was driven in a tunnel comes later, and two frames change places.
  const [backlog] = frames.splice(8, 1);
  frames.splice(12, 0, backlog!);
  [frames[20], frames[21]] = [frames[21]!, frames[20]!];
  return frames;
}

test("smoothed and matched fixes, events of geofences and trips, trips and paths of a day rebuild to the same hash", async () => {
  const network = await drawRoads(TWO_STREETS);
  const roads = new StreamRoads(network);
  await fixture.forget();
  await fixture.rows("truncate frame_batch");
  await fixture.rows("alter sequence frame_seq restart");
  const days = [dayOf(0), dayOf(1)];
  await fenceStops(days[0]!.flat());
  for (let n = 0; n < days[0]!.length; n++) {
    for (const [vehicle, day] of days.entries()) await fixture.append(fixture.deviceIds[vehicle]!, day[n]!);
    // A stream of its own now and then: states come from the store.
    if (n % 6 === 5) await fixture.foldAll({ roads });
  }
  await fixture.foldAll({ roads });
  const live = await fixture.outcome();
  expect(JSON.stringify(live.fix)).toContain('"matched_way_id":20');
  expect(
    live.fix!.filter((row) => (row as { row: { matched_way_id: number | null } }).row.matched_way_id !== null).length,
  ).toBeGreaterThan(live.fix!.length * 0.8);
  expect(live.trip!.length).toBeGreaterThanOrEqual(10);
  expect(live.path!.length).toBeGreaterThanOrEqual(20);
  expect(JSON.stringify(live.event)).toContain('"replayed":true');
  for (const type of ["entered", "exited"]) {
    const told = live.event!.filter((row) => (row as { row: { type: string } }).row.type === `geofence.${type}`);
    expect(told.length).toBeGreaterThanOrEqual(8);
  }

  await fixture.forget();
  await fixture.foldAll({ roads: new StreamRoads(network) });
  const rebuilt = await fixture.outcome();
  for (const [name, rows] of Object.entries(live)) expect([name, hashOf(rebuilt[name]!)]).toEqual([name, hashOf(rows)]);
  expect(rebuilt).toEqual(live);
}, 240_000);

/** Geofences around the places where a vehicle stands first and second, there since ever. */
async function fenceStops(reports: readonly JsonReport[]): Promise<void> {
  const standing = reports.filter(({ speedMps }) => speedMps === 0);
  for (const { lonDeg, latDeg } of [standing[0]!, standing[8]!]) {
    const geometry = { type: "Point", coordinates: [lonDeg, latDeg] };
    const made = await createGeofence(fixture.database, 1, { geometry, properties: { name: "stop", radius_m: 90 } });
    expect(made.kind).toBe("created");
  }
  await fixture.rows("update geofence_version set valid_from = $1", [new Date(0)]);
}

function hashOf(rows: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(rows)).digest("hex");
}
