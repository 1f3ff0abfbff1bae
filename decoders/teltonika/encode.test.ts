import { expect, test } from "vitest";
import {
  elementBytes,
  encodeAck,
  encodeAddressedCommand,
  encodeCommand,
  encodeDatagramAck,
  encodeLogin,
  encodeLoginAnswer,
  encodePacket,
} from "./encode.ts";

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase();
}

test("commands are the vendor's examples byte for byte", () => {
  expect(hex(encodeCommand("getinfo"))).toBe("000000000000000F0C010500000007676574696E666F0100004312");
  expect(hex(encodeAddressedCommand("352093081452251", "getver"))).toBe(
    "00000000000000160E01050000000E0352093081452251676574766572010000D2C1",
  );
});

test("answers are the vendor's examples byte for byte", () => {
  expect(hex(encodeLoginAnswer(true))).toBe("01");
  expect(hex(encodeLoginAnswer(false))).toBe("00");
  expect(hex(encodeAck(2))).toBe("00000002");
  expect(hex(encodeDatagramAck(0xcafe, 5, 1))).toBe("0005CAFE010501");
});

test("a login and a packet of a device are the vendor's examples byte for byte", () => {
  expect(hex(encodeLogin("356307042441013"))).toBe("000F333536333037303432343431303133");
  const record = {
    timeMs: 1_560_161_136_000,
    priority: 1,
    longitudeE7: 0,
    latitudeE7: 0,
    altitudeM: 0,
    headingDeg: 0,
    satellites: 0,
    speedKmh: 0,
    eventId: 1,
    elements: [
      { id: 21, bytes: elementBytes(3, 1) },
      { id: 1, bytes: elementBytes(1, 1) },
      { id: 66, bytes: elementBytes(24_080, 2) },
    ],
  };
  expect(hex(encodePacket({ kind: "records", codec: 8, records: [record] }))).toBe(
    "000000000000002808010000016B40D9AD80010000000000000000000000000000000103021503010101425E100000010000F22A",
  );
});

test("negative values are in two's complement, and a value that does not fit throws", () => {
  expect(hex(elementBytes(-1, 2))).toBe("FFFF");
  expect(hex(elementBytes(-335_423_734, 4))).toBe("EC01D70A");
  expect(() => encodeAck(-1)).toThrow(RangeError);
  expect(() => encodeAck(2 ** 32)).toThrow(RangeError);
});
