import { afterAll, beforeAll, expect, test } from "vitest";
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
  await fixture.rows("truncate fix, device_state, event");
  await fixture.rows("update stream_cursor set seq = 0");
  await fixture.foldAll();
  expect(await fixture.outcome()).toEqual(before);
});
