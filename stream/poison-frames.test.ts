import { expect, test } from "vitest";
import { jsonDecoder, jsonFrame } from "./json-device.ts";
import type { StageItem } from "./stage.ts";
import { at, START_MS, useStreamFixture } from "./stream-fixture.ts";

const { fixture, first, second } = await useStreamFixture();

test("frames that can't be understood are set aside with their reason and the others go on", async () => {
  const fault = await fixture.append(first, "throw");
  const layout = await fixture.append(first, "garbage");
  const many = await fixture.append(
    second,
    Array.from({ length: 1025 }, (_, index) => at(index)),
  );
  await fixture.append(first, [at(5)]);
  await fixture.foldAll();
  const { fix, quarantine, event } = await fixture.outcome();
  expect(fix).toHaveLength(1);
  expect(quarantine).toMatchObject([
    { row: { frame_seq: fault, reason: "fault", source: "stream", resolved_at: null } },
    { row: { frame_seq: layout, reason: "layout", detail: "no list of reports" } },
    { row: { frame_seq: many, reason: "value" } },
  ]);
  expect(event).toMatchObject(
    [fault, layout, many].map((seq) => ({ row: { type: "frame.quarantined", frame_seq: seq } })),
  );
});

test("fractions of a millisecond are cut off, and a time that is none is a fault of that frame alone", async () => {
  const bad = await fixture.append(first, [{ ...at(1), timeMs: 1e300 }]);
  const good = await fixture.append(
    first,
    [
      { ...at(1), timeMs: START_MS + 0.75 },
      { ...at(2), timeMs: null },
    ],
    {
      receivedAtMs: START_MS + 10_000,
    },
  );
  await fixture.rows("update frame_batch set received_at[1] = received_at[1] + interval '300 microseconds'");
  await fixture.foldAll();
  const { fix, quarantine } = await fixture.outcome();
  expect(quarantine).toMatchObject([{ row: { frame_seq: bad, reason: "fault" } }]);
  expect(await fixture.rows("select fix_id, fix_time from fix order by 1")).toEqual([
    { fix_id: good * 1024, fix_time: new Date(START_MS) },
    { fix_id: good * 1024 + 1, fix_time: new Date(START_MS + 10_000) },
  ]);
  expect(fix).toHaveLength(2);
});

test("a stage that fails on one frame loses that frame only, and the state is as before it", async () => {
  const counting = {
    name: "counting",
    version: 1,
    initial: 0,
    run: (state: unknown, item: StageItem) => {
      if (item.kind === "fix" && item.fix.attributes.poison === true) throw new Error("a bug of the stage");
      return { state: (state as number) + 1, outputs: [item] };
    },
  };
  await fixture.append(first, [at(1)]);
  await fixture.append(first, [at(2), at(3, { attributes: { poison: true } })]);
  await fixture.append(first, [at(4)]);
  await fixture.foldAll({ stages: [counting] });
  const { quarantine, device_state } = await fixture.outcome();
  expect(quarantine).toMatchObject([{ row: { reason: "fault", detail: "Error: a bug of the stage" } }]);
  expect(device_state).toMatchObject([
    {
      row: { counters: { fixes: 2, undecodable: 1 }, stage_state: { stages: { counting: { version: 1, state: 2 } } } },
    },
  ]);
});

test("a frame whose rows the database refuses is found and set aside, the frames around it are stored", async () => {
  await fixture.rows("alter table fix add constraint no_bad check (attributes ->> 'bad' is null)");
  try {
    await fixture.append(first, [at(1)]);
    const bad = await fixture.append(second, [at(2, { attributes: { bad: "1" } })]);
    await fixture.append(first, [at(3)]);
    await fixture.foldAll();
    const { fix, quarantine } = await fixture.outcome();
    expect(fix).toHaveLength(2);
    expect(quarantine).toMatchObject([{ row: { frame_seq: bad, reason: "fault" } }]);
  } finally {
    await fixture.rows("alter table fix drop constraint no_bad");
  }
});

test("text that jsonb can't hold is stored with its characters replaced", async () => {
  await fixture.append(first, [at(1, { attributes: { "a\0b": "half \ud800 pair" } })]);
  await fixture.foldAll();
  expect(await fixture.rows("select attributes from fix")).toEqual([
    { attributes: { "a\ufffdb": "half \ufffd pair" } },
  ]);
});

test("a quarantined frame is tried again on request, late where the device has gone on", async () => {
  const broken = await fixture.append(first, "throw");
  const still = await fixture.append(first, "garbage");
  await fixture.append(first, [at(100)]);
  await fixture.foldAll();
  const learnt = jsonDecoder();
  const findDecoder = () => ({
    ...learnt,
    decode: (bytes: Uint8Array, context: Parameters<typeof learnt.decode>[1]) =>
      Buffer.from(bytes).toString() === "throw"
        ? learnt.decode(Buffer.from(`[${JSON.stringify(at(50))}]`), context)
        : learnt.decode(bytes, context),
  });
  await fixture.rows("update quarantine set retry_requested_at = now()");
  const stream = await fixture.start({ findDecoder });
  await fixture.until(async () => {
    return (await fixture.rows("select 1 from quarantine where retry_requested_at is not null")).length === 0;
  });
  await fixture.stop(stream);
  const { fix, device_state, quarantine } = await fixture.outcome();
  expect(fix).toMatchObject([{ row: { fix_id: broken * 1024, late: true } }, { row: { late: false } }]);
  expect(device_state).toMatchObject([{ row: { lat_deg: 41.01, counters: { fixes: 2, late: 1, frames: 3 } } }]);
  expect(quarantine).toMatchObject([
    { row: { frame_seq: broken, resolved_at: expect.any(String) } },
    { row: { frame_seq: still, resolved_at: null } },
  ]);
});

test("frames that the database refuses when they are tried again stay set aside and hold nobody up", async () => {
  await fixture.rows("alter table fix add constraint no_bad check (attributes ->> 'bad' is null)");
  try {
    const bad = (second: number) => [at(second, { attributes: { bad: "1" } })];
    const refused = [await fixture.append(first, bad(1)), await fixture.append(second, bad(2))];
    const learnt = await fixture.append(second, "throw");
    await fixture.foldAll();
    await fixture.rows("update quarantine set retry_requested_at = now()");
    await fixture.append(first, [at(3)]);
    const decoder = jsonDecoder();
    const decode: typeof decoder.decode = (bytes, context) =>
      decoder.decode(Buffer.from(bytes).toString() === "throw" ? jsonFrame([at(4)]) : bytes, context);
    const stream = await fixture.start({ findDecoder: () => ({ ...decoder, decode }) });
    await fixture.settled();
    await fixture.until(async () => {
      return (await fixture.rows("select 1 from quarantine where retry_requested_at is not null")).length === 0;
    });
    await fixture.stop(stream);
    const { fix, quarantine } = await fixture.outcome();
    expect(fix).toHaveLength(2);
    expect(quarantine).toMatchObject([
      { row: { frame_seq: refused[0], reason: "fault", resolved_at: null } },
      { row: { frame_seq: refused[1], reason: "fault", resolved_at: null } },
      { row: { frame_seq: learnt, resolved_at: expect.any(String) } },
    ]);
  } finally {
    await fixture.rows("truncate fix");
    await fixture.rows("alter table fix drop constraint no_bad");
  }
});
