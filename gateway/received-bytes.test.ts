import fc from "fast-check";
import { expect, it } from "vitest";
import { ReceivedBytes } from "./received-bytes.ts";

it("hands out what was appended less what was consumed, and never changes bytes handed out before", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("append" as const), chunk: fc.uint8Array({ minLength: 1, maxLength: 700 }) }),
      fc.record({ kind: fc.constant("consume" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ kind: fc.constant("shrink" as const) }),
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 3_000 }), steps, (first, rest) => {
      const received = new ReceivedBytes(first);
      let expected = [...first];
      const handedOut: { view: Uint8Array; copy: number[] }[] = [];
      for (const step of rest) {
        if (step.kind === "append") {
          received.append(step.chunk);
          expected.push(...step.chunk);
        } else if (step.kind === "consume") {
          const byteCount = Math.floor(step.share * expected.length);
          handedOut.push({ view: received.view().subarray(0, byteCount), copy: expected.slice(0, byteCount) });
          received.consume(byteCount);
          expected = expected.slice(byteCount);
        } else received.shrink();
        expect([...received.view()]).toEqual(expected);
      }
      for (const { view, copy } of handedOut) expect([...view]).toEqual(copy);
    }),
  );
});

it("lets go of a large chunk when only its tail is wanted", () => {
  const received = new ReceivedBytes(new Uint8Array(65_536));
  received.consume(65_530);
  received.shrink();
  expect(received.view().buffer.byteLength).toBeLessThan(1_024);
});
