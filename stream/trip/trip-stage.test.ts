import { expect, test } from "vitest";
import type { TripRow } from "#store/track-rows.ts";
import { type DeviceFold, foldFixes, foldInitial } from "../fold.ts";
import { matchStage } from "../match/match-stage.ts";
import { smoothStage } from "../smooth/smooth-stage.ts";
import type { DeviceStage, Fix, StreamEvent } from "../stage.ts";
import { tripStage } from "./trip-stage.ts";

const stages = [smoothStage, matchStage, tripStage] as unknown as readonly DeviceStage[];
const START_MS = Date.UTC(2026, 10, 2, 8);
const METRES_PER_DEG = 111_195;

/** A second, metres north of the start, m/s, and what the device says of ignition and odometer. */
type At = readonly [second: number, northM: number, speedMps: number, attributes?: Fix["attributes"]];

function fixAt([second, northM, speedMps, attributes = {}]: At): Fix {
  return {
    ...{ fixId: 0, deviceId: 7, fixTimeMs: START_MS + second * 1000, dated: true, receivedAtMs: 0 },
    ...{ fingerprint: second, protocol: "teltonika", late: false, clockFault: null, deviceTimeMs: null },
    ...{ smoothed: null, matched: null, trackM: null, cell: null, kind: "fix", valid: true },
    ...{ latDeg: 57.7 + northM / METRES_PER_DEG, lonDeg: 12, altitudeM: null, speedMps, headingDeg: 0, satellites: 9 },
    ...{ hdop: null, accuracyM: 5, event: null, buffered: false, attributes },
  };
}

type Told = { events: StreamEvent[]; trips: TripRow[]; fold: DeviceFold };

/** Folds frames; each is received with its newest fix, or the newest before. The state is stored in between. */
function tell(frames: readonly (readonly At[])[]): Told {
  const told: Told = { events: [], trips: [], fold: foldInitial };
  let nowMs = 0;
  frames.forEach((frame, index) => {
    const seq = index + 1;
    nowMs = Math.max(nowMs, ...frame.map(([second]) => START_MS + second * 1000));
    const fixes = frame.map((at, n) => ({ ...fixAt(at), fixId: seq * 1024 + n, receivedAtMs: nowMs }));
    const head = { seq, deviceId: 7, protocol: "teltonika" as const, receivedAtMs: nowMs, bytes: new Uint8Array() };
    const result = foldFixes(told.fold, { frame: head, fixes, isKnown: () => false }, stages);
    told.fold = JSON.parse(JSON.stringify(result.fold)) as DeviceFold;
    told.events.push(...result.events);
    told.trips.push(...result.trips);
  });
  return told;
}

const singly = (path: readonly At[]): readonly At[][] => path.map((at) => [at]);
const summary = ({ events }: Told) =>
  events.map(
    ({ type, occurredAtMs, replayed }) => `${type} ${(occurredAtMs - START_MS) / 1000}${replayed ? " replayed" : ""}`,
  );
/** What is left when later versions replace earlier ones. */
const standing = ({ trips }: Told): TripRow[] =>
  [...new Map(trips.toSorted((a, b) => a.version - b.version).map((trip) => [trip.tripId, trip])).values()].filter(
    ({ withdrawn }) => !withdrawn,
  );

/** Stands, with a report every `stepS`. */
const stand = (fromS: number, toS: number, northM: number, stepS = 30, attributes: Fix["attributes"] = {}): At[] =>
  Array.from({ length: Math.floor((toS - fromS) / stepS) }, (_, n) => [fromS + n * stepS, northM, 0, attributes]);
/** Drives north at 10 m/s, with a report every 5 s. */
const drive = (fromS: number, toS: number, fromM: number, attributes: Fix["attributes"] = {}): At[] =>
  Array.from({ length: Math.floor((toS - fromS) / 5) }, (_, n) => [fromS + n * 5, fromM + n * 50, 10, attributes]);

test("a trip begins and ends with the ignition, and has distance, odometer, idle time, stops and top speed", () => {
  const on = (odometer: number) => ({ ignition: true, odometer });
  const told = tell(
    singly([
      ...stand(0, 60, 0, 30, { ignition: false, odometer: 5_000 }),
      [60, 0, 0, on(5_000)],
      ...drive(90, 190, 0, on(5_000)),
      ...stand(190, 370, 1_000, 30, on(6_000)),
      ...drive(370, 470, 1_000, on(6_000)),
      [470, 2_000, 0, on(7_050)],
      [480, 2_000, 0, { ignition: false, odometer: 7_050 }],
      ...stand(500, 900, 2_000, 60, { ignition: false, odometer: 7_050 }),
    ]),
  );
  expect(summary(told)).toEqual(["trip.started 60", "trip.ended 470"]);
  const [trip] = standing(told);
  expect(standing(told)).toHaveLength(1);
  expect(trip).toMatchObject({ startReason: "ignition", endReason: "ignition", odometerM: 2_050, replayed: false });
  expect(trip!.distanceM).toBeGreaterThan(1_930);
  expect(trip!.distanceM).toBeLessThan(2_070);
  expect(trip!.maxSpeedMps).toBe(10);
  // 30 s from the ignition to setting off, 180 s at the stop.
  expect(trip!.idleS).toBeGreaterThanOrEqual(200);
  expect(trip!.idleS).toBeLessThanOrEqual(225);
  expect(trip!.stops).toHaveLength(1);
  expect(trip!.stops![0]!.toMs - trip!.stops![0]!.fromMs).toBeGreaterThan(150_000);
});

test("without an ignition a trip ends where it came to stand, five minutes later", () => {
  const told = tell(singly([...stand(0, 120, 0), ...drive(120, 320, 0), ...stand(320, 900, 2_000)]));
  expect(summary(told)).toEqual(["trip.started 120", "trip.ended 320"]);
  const detected = told.events[1]!;
  expect(detected.detectedAtMs - START_MS).toBeLessThanOrEqual(660_000);
  expect(standing(told)[0]).toMatchObject({ startReason: "motion", endReason: "motion", odometerM: null });
});

/** As driven, with what the device says of the odometer at each fix. */
const metered = (path: readonly At[], odometerAt: (n: number) => number): At[] =>
  path.map(([second, northM, speedMps], n) => [second, northM, speedMps, { ignition: true, odometer: odometerAt(n) }]);

test.each<[string, (n: number) => number]>([
  ["was set to 0 on the way", (n) => (n < 40 ? 500_000 + n * 50 : (n - 40) * 50)],
  ["jumped by its own sum", (n) => (n < 40 ? 300_000 : 600_000) + n * 50],
  ["was read only after the start", (n) => (n < 2 ? 0 : 700_000 + n * 50)],
])("an odometer that %s counts what it can", (_title, odometerAt) => {
  const off = { ignition: false };
  const path = [...stand(0, 60, 0), ...metered(drive(60, 460, 0), odometerAt), ...stand(460, 900, 4_000, 30, off)];
  const [trip] = standing(tell(singly(path)));
  expect(trip!.odometerM).toBeGreaterThanOrEqual(3_800);
  expect(trip!.odometerM).toBeLessThanOrEqual(4_000);
});

test("a speed that no vehicle can have come to is not its top speed", () => {
  const path = drive(60, 460, 0);
  for (const spikeMps of [45, 120]) {
    const spiked = path.map(([second, northM, speedMps], n): At => [second, northM, n === 30 ? spikeMps : speedMps]);
    const [trip] = standing(tell(singly([...stand(0, 60, 0), ...spiked, ...stand(460, 1_000, 4_000)])));
    expect(trip!.maxSpeedMps).toBe(10);
  }
  const sparse: At[] = [...stand(0, 60, 0), [90, 600, 30], [120, 1_500, 30], ...stand(150, 700, 2_000)];
  expect(standing(tell(singly(sparse)))[0]!.maxSpeedMps).toBe(30);
});

test("a position that is grossly wrong begins no trip and adds nothing to one", () => {
  const wrongFirst: At[] = [[0, 20_000, 0], ...stand(12, 600, 0)];
  expect(summary(tell(singly(wrongFirst)))).toEqual([]);
  const away = drive(600, 800, 0);
  const told = tell([
    ...singly(stand(0, 300, 0, 60)),
    ...singly(stand(1_500, 2_000, 2_000, 120)),
    // A backlog has a filter of its own, which takes its first position for granted.
    [[595, 30_000, 10], ...away],
    ...singly(stand(2_100, 2_400, 2_000, 60)),
  ]);
  const [trip] = standing(told);
  expect(standing(told)).toHaveLength(1);
  expect(trip!.distanceM).toBeLessThan(2_500);
});

test("however late fixes come, no id is used twice, no event taken back twice, and rows say what events say", () => {
  const told = tell([
    ...singly([...stand(0, 60, 0), ...drive(60, 260, 0)]),
    // A gap of half an hour, and driving on: the trip seems to have ended.
    ...singly(drive(2_000, 2_100, 17_400)),
    // Then three batches fill the gap: the end moves, moves again, and is gone.
    drive(260, 460, 2_000),
    drive(460, 1_100, 4_000),
    drive(1_100, 2_000, 10_400),
    ...singly([...drive(2_100, 2_200, 18_400), ...stand(2_200, 2_700, 19_400)]),
  ]);
  const ids = told.events.map(({ eventId }) => eventId);
  expect(new Set(ids).size).toBe(ids.length);
  const superseded = told.events.flatMap(({ supersedes }) => supersedes ?? []);
  expect(new Set(superseded).size).toBe(superseded.length);
  expect(ids).toEqual(expect.arrayContaining(superseded));
  const left = told.events.filter(({ eventId, data }) => !superseded.includes(eventId) && data.withdrawn !== true);
  expect(left.map(({ type, occurredAtMs }) => [type, (occurredAtMs - START_MS) / 1000])).toEqual([
    ["trip.started", 60],
    ["trip.ended", 2_200],
  ]);
  expect(standing(told)).toMatchObject([{ startedMs: START_MS + 60_000, endedMs: START_MS + 2_200_000 }]);
  expect(left[1]!.data).toMatchObject({ tripId: standing(told)[0]!.tripId, version: standing(told)[0]!.version });
});

test("a trip whose end is taken back is open again until it ends", () => {
  const before = [...singly([...stand(0, 60, 0), ...drive(60, 260, 0)]), ...singly(drive(2_000, 2_050, 17_400))];
  const told = tell([...before, drive(260, 1_100, 2_000), drive(1_100, 2_000, 10_400)]);
  const taken = told.events.filter(({ type, data }) => type === "trip.ended" && data.withdrawn === true);
  expect(taken.length).toBeGreaterThan(0);
  expect(standing(told)).toMatchObject([{ startedMs: START_MS + 60_000, endedMs: null }]);
});

test("a vehicle found elsewhere, as it was parked and asleep, took the time that such a way takes", () => {
  const asleep = stand(0, 600, 0, 60, { ignition: false });
  const told = tell(singly([...asleep, ...stand(29_400, 30_000, 5_000, 60, { ignition: false })]));
  const [trip] = standing(told);
  expect(trip).toMatchObject({ startReason: "gap", distanceM: 5_000, endedMs: START_MS + 29_400_000 });
  expect((trip!.endedMs! - trip!.startedMs) / 1000).toBeCloseTo(625, -1);
  const soon = tell(singly([...asleep, ...stand(1_740, 2_400, 12_000, 60, { ignition: false })]));
  expect(standing(soon)[0]!.startedMs).toBe(START_MS + 540_000);
});

test("a vehicle that creeps along at a walking pace makes a trip, however close its fixes are", () => {
  const sweeper = Array.from({ length: 300 }, (_, n): At => [n * 10, n * 12, 1.2]);
  const told = tell(singly([...sweeper, ...stand(3_000, 3_600, 3_600)]));
  expect(summary(told).map((text) => text.split(" ")[0])).toEqual(["trip.started", "trip.ended"]);
  expect(standing(told)[0]!.distanceM).toBeGreaterThan(3_400);
});

test("a parked vehicle whose receiver wanders makes no trip", () => {
  const wander = stand(0, 7_200, 0, 20).map(
    ([second], n): At => [second, 12 * Math.sin(n) + 8 * Math.sin(n * 1.7), 0.4],
  );
  expect(summary(tell(singly(wander)))).toEqual([]);
});

test("a vehicle that is found elsewhere after a gap has a trip that bridges it", () => {
  const told = tell(
    singly([...stand(0, 60, 0), ...drive(60, 260, 0), ...drive(2_000, 2_100, 9_000), ...stand(2_100, 2_700, 10_000)]),
  );
  const trips = standing(told);
  expect(trips.map(({ endReason }) => endReason)).toEqual(["gap", "motion"]);
  const total = trips.reduce((sum, { distanceM }) => sum + distanceM!, 0);
  expect(total).toBeGreaterThan(9_850);
  expect(total).toBeLessThan(10_150);
});

test("ids are the same when told again, and frames may fall as they like", () => {
  const path = [...stand(0, 120, 0), ...drive(120, 320, 0), ...stand(320, 900, 2_000)];
  const once = tell(singly(path));
  expect(tell(singly(path)).events).toEqual(once.events);
  const batched = tell([path.slice(0, 20), path.slice(20, 33), path.slice(33)]);
  expect(batched.trips.map(({ tripId, startedMs }) => [tripId, startedMs])).not.toEqual([]);
  expect(summary(batched)).toEqual(summary(once));
});

test("a whole trip that comes late is told as replayed, and the parked vehicle stays parked", () => {
  const away = [...drive(600, 800, 0)];
  const told = tell([
    ...singly(stand(0, 300, 0, 60)),
    ...singly(stand(1_500, 2_000, 2_000, 120)),
    away,
    ...singly(stand(2_100, 2_400, 2_000, 60)),
  ]);
  const replayed = told.events.filter((event) => event.replayed);
  expect(replayed.some(({ type }) => type === "trip.started")).toBe(true);
  const trips = standing(told);
  expect(trips).toHaveLength(1);
  expect((trips[0]!.startedMs - START_MS) / 1000).toBeGreaterThanOrEqual(500);
  expect((trips[0]!.startedMs - START_MS) / 1000).toBeLessThanOrEqual(620);
  expect(trips[0]!.distanceM).toBeGreaterThan(1_800);
  expect(trips[0]!.distanceM).toBeLessThan(2_200);
  for (const { supersedes } of replayed)
    if (supersedes !== null) expect(told.events.some(({ eventId }) => eventId === supersedes)).toBe(true);
});

test("late fixes that fill a gap make one trip of two, and what is gone is withdrawn", () => {
  const whole = drive(60, 1_560, 0);
  const [before, within, after] = [whole.slice(0, 40), whole.slice(40, 250), whole.slice(250, 262)];
  const end = stand(1_400, 2_000, whole[261]![1]);
  const inOrder = standing(tell(singly([...stand(0, 60, 0), ...before, ...within, ...after, ...end])));
  const told = tell([...singly([...stand(0, 60, 0), ...before, ...after]), within, ...singly(end)]);
  expect(inOrder).toHaveLength(1);
  expect(standing(told).filter(({ endedMs }) => endedMs !== null)).toHaveLength(1);
  expect(standing(told)[0]).toMatchObject({ startedMs: inOrder[0]!.startedMs, endedMs: inOrder[0]!.endedMs });
  const apartM = Math.abs(standing(told)[0]!.distanceM! - inOrder[0]!.distanceM!);
  expect(apartM / inOrder[0]!.distanceM!).toBeLessThan(0.02);
});

test("a detour that only late fixes saw counts in the distance of its trip", () => {
  const back = (fromS: number, fromM: number): At[] =>
    Array.from({ length: 24 }, (_, n) => [fromS + n * 5, fromM - n * 50, 10]);
  const path = [...stand(0, 60, 0), ...drive(60, 260, 0)];
  const detour = [...drive(260, 380, 2_000), ...back(380, 3_200)];
  const after = [...drive(500, 600, 2_000), ...stand(600, 1_200, 3_000)];
  const inOrder = standing(tell(singly([...path, ...detour, ...after])))[0]!.distanceM!;
  expect(inOrder).toBeGreaterThan(5_200);
  const told = tell([...singly([...path, ...after.slice(0, 6)]), detour, ...singly(after.slice(6))]);
  expect(standing(told)).toHaveLength(1);
  expect(standing(told)[0]!.distanceM! / inOrder).toBeCloseTo(1, 1);
  // Newest batch first, and much that is live in between.
  const on = [...drive(500, 760, 2_000), ...stand(760, 1_400, 4_600)];
  const parts = tell([
    ...singly([...path, ...on.slice(0, 20)]),
    detour.slice(36),
    ...singly(on.slice(20, 36)),
    detour.slice(0, 36),
    ...singly(on.slice(36)),
  ]);
  expect(standing(parts)).toHaveLength(1);
  expect(standing(parts)[0]!.distanceM! / (inOrder + 1_600)).toBeCloseTo(1, 1);
});

test("late fixes of a drive without gaps change nothing that was told", () => {
  const whole = [...stand(0, 60, 0), ...drive(60, 460, 0), ...stand(460, 1_000, 4_000)];
  const late = whole.slice(30, 33);
  const inTime = whole.filter((at) => !late.includes(at));
  const told = tell([...singly(inTime.slice(0, 45)), late, ...singly(inTime.slice(45))]);
  expect(summary(told)).toEqual(summary(tell(singly(inTime))));
});

test("the state stays small however long the drive", () => {
  const told = tell(singly([...drive(0, 3_000, 0), ...stand(3_000, 90_000, 30_000, 1_800)]));
  const { stages: kept } = told.fold;
  expect(JSON.stringify(kept.trip).length).toBeLessThan(6_000);
});
