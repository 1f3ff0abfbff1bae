import { expect, test } from "vitest";
import type { JournalFrame } from "#store/journal.ts";
import { ComingFrames } from "./coming-frames.ts";

test("what had no room in a batch comes next and is not read again", async () => {
  const asked: { after: number; limit: number }[] = [];
  const coming = new ComingFrames({
    read: (cursors, limit) => {
      const after = cursors.get(0)!;
      asked.push({ after, limit });
      return Promise.resolve(
        [1, 2, 3].map((step) => ({ seq: after + step, partition: 0, receivedAtMs: 0 }) as JournalFrame),
      );
    },
  });
  const next = async (cursor: number, limit: number) =>
    (await coming.next(new Map([[0, cursor]]), limit)).map((frame) => frame.seq);
  expect(await next(10, 3)).toEqual([11, 12, 13]);
  expect(await next(10, 3)).toEqual([11, 12, 13]);
  coming.took(1);
  expect(await next(11, 1)).toEqual([12]);
  expect(await next(11, 3)).toEqual([12, 13]);
  coming.took(2);
  expect(await next(13, 3)).toEqual([14, 15, 16]);
  expect(asked).toEqual([
    { after: 10, limit: 3 },
    { after: 13, limit: 3 },
  ]);
});
