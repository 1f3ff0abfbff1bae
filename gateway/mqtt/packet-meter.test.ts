import fc from "fast-check";
import { expect, test } from "vitest";
import { CONNECT_BYTES_MAX, CONTROL_BYTES_MAX, PUBLISH_BYTES_MAX } from "../maxima.ts";
import { PacketMeter } from "./packet-meter.ts";
import { connectBytes, packetBytes, publishBytes, subscribeBytes } from "./test-phones.ts";

const ping = Buffer.of(0xc0, 0);
const opened = () => {
  const meter = new PacketMeter();
  meter.take(connectBytes(), 1);
  return meter;
};

test("bytes pass up to the end of the packets that are welcome", () => {
  const meter = new PacketMeter();
  const bytes = Buffer.concat([connectBytes(), publishBytes(), ping]);
  expect(meter.take(bytes, 1)).toEqual({ kind: "pass", byteCount: connectBytes().length });
  expect(meter.take(bytes.subarray(connectBytes().length), 1)).toEqual({
    kind: "pass",
    byteCount: publishBytes().length,
  });
  expect(meter.isInside).toBe(false);
  expect(meter.take(ping.subarray(0, 1), 1)).toEqual({ kind: "pass", byteCount: 1 });
  expect(meter.isInside).toBe(true);
});

test("packets end at the same bytes however they are cut", () => {
  const packet = fc.oneof(
    fc.constant(ping),
    fc.constant(subscribeBytes("a/b")),
    fc.integer({ min: 0, max: 20_000 }).map((size) => publishBytes({ payload: Buffer.alloc(size, 0xff) })),
  );
  fc.assert(
    fc.property(
      fc.array(packet, { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
      (packets, cuts) => {
        const meter = opened();
        const bytes = Buffer.concat(packets);
        const ends: number[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const metered = meter.take(bytes.subarray(at, at + cuts[turn % cuts.length]!), 1);
          if (metered.kind !== "pass") return false;
          at += metered.byteCount;
          if (!meter.isInside) ends.push(at);
        }
        let end = 0;
        expect(ends).toEqual(packets.map((one) => (end += one.length)));
        return true;
      },
    ),
    { numRuns: 100 },
  );
});

test("each type has a length of its own beyond which it is refused by its header", () => {
  const first = (length: number) => new PacketMeter().take(packetBytes(0x10, Buffer.alloc(0), length), 1).kind;
  expect([first(CONNECT_BYTES_MAX), first(CONNECT_BYTES_MAX + 1)]).toEqual(["pass", "refused"]);
  const later = (type: number, length: number) => opened().take(packetBytes(type, Buffer.alloc(0), length), 1).kind;
  expect([later(0x32, PUBLISH_BYTES_MAX), later(0x32, PUBLISH_BYTES_MAX + 1)]).toEqual(["pass", "refused"]);
  expect([later(0x82, CONTROL_BYTES_MAX), later(0x82, CONTROL_BYTES_MAX + 1)]).toEqual(["pass", "refused"]);
});

test("CONNECT comes first and once", () => {
  expect(new PacketMeter().take(publishBytes(), 1)).toEqual({ kind: "refused", reason: "framing" });
  expect(opened().take(connectBytes(), 1)).toEqual({ kind: "refused", reason: "framing" });
});
