import { expect, test } from "vitest";
import { byteaArray, int4Array, int8Array, textArray, timestamptzArray } from "./binary.ts";
import { BinaryReader } from "./binary-read.ts";

test("values written one after another are read back", () => {
  const deviceIds = [1, 2_147_483_647, -2_147_483_648];
  const timesMs = [0, Date.UTC(2026, 10, 22) + 0.125, Date.UTC(1999, 11, 31, 23, 59, 59, 999), 946_684_800_000];
  const texts = ["frame", null, "", "Ærø 🚚"];
  const bytes = [Buffer.of(1, 2, 3), Buffer.alloc(0), Buffer.alloc(70_000, 7)];
  const seqs = [0, 4_294_967_295, 4_294_967_296, Number.MAX_SAFE_INTEGER, -1];
  const reader = new BinaryReader(
    Buffer.concat([
      ...seqs.map((seq) => int8Array([seq]).subarray(-8)),
      Buffer.of(0xff, 0xfe),
      ...[int4Array(deviceIds), int4Array([]), timestamptzArray(timesMs)],
      ...[textArray(texts), textArray([]), byteaArray(bytes), textArray(["the end"])],
    ]),
  );
  expect(seqs.map(() => reader.int8())).toEqual(seqs);
  expect(reader.int2()).toBe(-2);
  expect(reader.int4s()).toEqual(deviceIds);
  expect(reader.int4s()).toEqual([]);
  expect(reader.timesMs()).toEqual(timesMs);
  expect(reader.texts()).toEqual(texts);
  expect(reader.texts()).toEqual([]);
  expect(reader.byteStrings()).toEqual(bytes);
  expect(reader.texts()).toEqual(["the end"]);
});
