import pino from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { changeGeofence, createGeofence, listPresences, removeGeofence } from "#store/geofences.ts";
import { FenceDirectory } from "./fence-directory.ts";
import { at, openStreamFixture, START_MS, type StreamFixture } from "./stream-fixture.ts";

let fixture: StreamFixture;
let first: number;

beforeAll(async () => {
  fixture = await openStreamFixture();
  [first] = fixture.deviceIds as [number];
});

afterAll(() => fixture.close());

/** Places of `at` move 11 m north a second; this lies around second 100. */
const yard = { geometry: { type: "Point", coordinates: [-8.6, 41.01] }, properties: { name: "yard", radius_m: 300 } };

const dated = (geofenceId: number): Promise<unknown> =>
  fixture.rows("update geofence_version set valid_from = $2 where geofence_id = $1 and version = 1", [
    geofenceId,
    new Date(0),
  ]);

test("the directory hears of new, changed and removed geofences, by pages, with their times", async () => {
  const { database } = fixture;
  const directory = new FenceDirectory(database.pool);
  const made = await createGeofence(database, 1, yard);
  if (made.kind !== "created") throw new Error("not created");
  const { geofenceId, effectiveAt } = made.geofence;
  await directory.load(1_000);
  const set = directory.fencesOf(1)!;
  const versionAt = (ms: number): number | undefined => set.versionAt(geofenceId, effectiveAt.getTime() + ms)?.version;
  expect([versionAt(-1), versionAt(0)]).toEqual([undefined, 1]);
  expect(directory.fencesOf(2)).toBeUndefined();

  const changed = await changeGeofence(database, null, geofenceId, (content) => ({
    ...content,
    properties: { radius_m: 5 },
  }));
  const stepMs = changed!.effectiveAt.getTime() - effectiveAt.getTime();
  await directory.load(1_500);
  expect(versionAt(stepMs)).toBe(1);
  await directory.load(2_001);
  expect([versionAt(stepMs - 1), versionAt(stepMs)]).toEqual([1, 2]);
  expect(await removeGeofence(database, 2, geofenceId)).toBe(false);
  expect(await removeGeofence(database, 1, geofenceId)).toBe(true);
  directory.stale();
  await directory.load(2_002);
  expect([versionAt(stepMs), versionAt(1e9)]).toEqual([2, undefined]);
});

test("fixes make events and presence through the store, late ones replayed, and a second fold makes the same", async () => {
  const { database } = fixture;
  const made = await createGeofence(database, 1, yard);
  if (made.kind !== "created") throw new Error("not created");
  await dated(made.geofence.geofenceId);
  const span = (from: number, to: number) => Array.from({ length: (to - from) / 10 + 1 }, (_, n) => at(from + n * 10));
  await fixture.append(first, span(0, 100));
  await fixture.foldAll();
  const present = await listPresences(database, first, { after: 0, limit: 10 });
  expect(present).toMatchObject([{ geofenceId: made.geofence.geofenceId, name: "yard", dwelled: false }]);
  expect(Math.abs(present[0]!.enteredAt.getTime() - (START_MS + 73_000))).toBeLessThan(1_500);

  await fixture.append(first, span(600, 700));
  await fixture.append(first, span(110, 590));
  await fixture.foldAll();
  expect(await listPresences(database, first, { after: 0, limit: 10 })).toEqual([]);
  const { event } = await fixture.outcome();
  const geofenceEvents = (event as { row: Record<string, unknown> }[]).filter(({ row }) =>
    String(row.type).startsWith("geofence."),
  );
  expect(geofenceEvents.map(({ row }) => [row.type, row.replayed])).toEqual([
    ["geofence.entered", false],
    ["geofence.exited", false],
    ["geofence.exited", true],
  ]);
  expect(geofenceEvents[2]!.row.supersedes).toBe(geofenceEvents[1]!.row.event_id);

  const before = await fixture.outcome();
  await fixture.forget();
  await fixture.foldAll({ log: pino({ level: "silent" }) });
  expect(await fixture.outcome()).toEqual(before);
});
