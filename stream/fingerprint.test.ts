import { expect, test } from "vitest";
import { fingerprintOf } from "./fingerprint.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test.each([
  ["", 3338908027751811],
  ["a", 7929297801672961],
  ["revenge", 4051478007546757],
])("the bytes of %j have the fingerprint that the author's implementation gives", (text, expected) => {
  expect(fingerprintOf(bytes(text))).toBe(expected);
});

test("only the given bytes count", () => {
  expect(fingerprintOf(bytes("xxrevengeyy"), 2, 9)).toBe(fingerprintOf(bytes("revenge")));
});

test("a fingerprint is a safe, non-negative integer and one flipped bit changes it", () => {
  const record = new Uint8Array(64).map((_, index) => index * 37);
  const seen = new Set([fingerprintOf(record)]);
  for (let bit = 0; bit < record.length * 8; bit++) {
    const flipped = record.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const fingerprint = fingerprintOf(flipped);
    expect(Number.isSafeInteger(fingerprint) && fingerprint >= 0).toBe(true);
    seen.add(fingerprint);
  }
  expect(seen.size).toBe(64 * 8 + 1);
});
