import fc from "fast-check";
import { expect, test } from "vitest";
import { type History, WINDOW_FIXES_MAX } from "./history.ts";
import { type At, drive, live, START_MS, stand, told, track, visit } from "./sample-tracks.ts";
import { visitsOf } from "./score-visits.ts";
import { lengthOf } from "./window.ts";

test("a visit that only late fixes saw is told of as replayed, once, in one frame or in many", () => {
  const before = stand(-600, -5, -600);
  const after = stand(2_000, 2_100, 600);
  for (const late of [[visit], visit.map((at) => [at]), [visit.slice(30), visit.slice(0, 30)]]) {
    const { events, fold } = track([...before.map((at) => [at]), ...after.map((at) => [at]), ...late]);
    expect(events.every((event) => event.replayed)).toBe(true);
    const [found, ...others] = visitsOf(events);
    expect(others).toEqual([]);
    expect([found!.enteredAtMs, found!.exitedAtMs].map((ms) => Math.round((ms! - START_MS) / 1000))).toEqual([50, 320]);
    expect(JSON.stringify(fold).length).toBeLessThan(8_000);
  }
});

test("late fixes move an event that a gap had put elsewhere, and take back one that was none", () => {
  const away = track([
    ...stand(0, 60, 0).map((at) => [at]),
    ...stand(900, 1_000, 900).map((at) => [at]),
    stand(70, 600, 0),
    drive(610, 0, 600),
  ]);
  const exits = away.events.filter(({ type }) => type === "geofence.exited");
  expect(told(exits).at(-1)).toEqual(["exited", 620]);
  expect(exits[0]).toMatchObject({ replayed: false, data: { basis: "gap" } });
  expect(exits.at(-1)).toMatchObject({ replayed: true, supersedes: exits.at(-2)!.eventId });
  const around = track([
    [[0, -600]],
    [[120, 600]],
    [[130, 650]],
    [
      [20, -5_000],
      [40, 5_000],
    ].map(([second, eastM]) => [second!, eastM! * 4] as const),
  ]);
  expect(around.events.slice(0, 2).map(({ replayed }) => replayed)).toEqual([false, false]);
  const last = around.events.filter(({ data }) => data.withdrawn === true);
  expect(last.map(({ supersedes }) => supersedes)).toEqual(around.events.slice(0, 2).map(({ eventId }) => eventId));
  expect(visitsOf(around.events)).toEqual([]);
});

test("fixes from before the window change nothing and are counted", () => {
  const jitter: At[] = Array.from({ length: 300 }, (_, n) => [n * 130, n % 2 === 0 ? -90 : -110]);
  const { events, fold } = track([...jitter.map((at) => [at]), stand(5, 100, 0)]);
  expect(events.filter(({ replayed }) => replayed)).toEqual([]);
  const state = fold.stages.geofence!.state as { history: History };
  expect(state.history.beyond).toBe(10);
  expect(lengthOf(state.history.window)).toBeLessThanOrEqual(WINDOW_FIXES_MAX);
});

test("however a day is cut and mixed up, the same visits remain, and no event of late fixes is live", () => {
  const day: At[] = [
    ...drive(0, -597, 3),
    ...stand(70, 300, 0),
    ...drive(310, 3, 603),
    ...drive(400, 603, 3),
    ...stand(470, 700, 10),
    ...drive(710, 7, -593),
  ];
  const straight = visitsOf(live(day));
  expect(straight).toHaveLength(2);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: day.length }), { maxLength: 4 }), fc.nat(), (cuts, keptBack) => {
      const edges = [...new Set([0, ...cuts, day.length])].sort((a, b) => a - b);
      const parts = edges.slice(1).map((end, index) => day.slice(edges[index], end));
      const held = keptBack % parts.length;
      const order = [...parts.filter((_, index) => index !== held), parts[held]!];
      const found = visitsOf(track(order).events);
      expect(found).toHaveLength(2);
      for (const [index, one] of found.entries()) {
        expect(Math.abs(one.enteredAtMs - straight[index]!.enteredAtMs)).toBeLessThan(10_000);
        expect(Math.abs(one.exitedAtMs! - straight[index]!.exitedAtMs!)).toBeLessThan(10_000);
      }
    }),
    { numRuns: 200 },
  );
});
