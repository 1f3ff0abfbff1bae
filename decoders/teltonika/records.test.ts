import fc from "fast-check";
import { expect, test } from "vitest";
import { anyRecords } from "./arbitraries.ts";
import { columns, type RecordColumns, valueBytes } from "./columns.ts";
import { crc16 } from "./crc16.ts";
import { encodePacket } from "./encode.ts";
import { CODEC, FRAME_BYTES_MAX } from "./layout.ts";
import { readRecords } from "./records.ts";
import { elementsOf, parseRecords } from "./records-grammar.ts";

const CODECS = [CODEC.eight, CODEC.extended, CODEC.sixteen] as const;

const anyField = fc.oneof(...CODECS.map((codec) => anyRecords(codec))).map((data) => encodePacket(data).slice(8, -4));

/** What the walker and the grammar make of a data field, in one form. */
function walked(field: Uint8Array) {
  if (!readRecords(field, 0, field.length)) return undefined;
  return Array.from({ length: columns.recordCount }, (_, record) => recordOf(field, columns, record));
}

function recordOf(field: Uint8Array, from: RecordColumns, record: number) {
  const elements: [number, string][] = [];
  for (let row = from.firstElement[record]!; row < from.firstElement[record + 1]!; row++) {
    const at = from.elementAt[row]!;
    elements.push([from.elementId[row]!, hex(field.subarray(at, at + valueBytes(from, row)))]);
  }
  return {
    start: from.start[record]!,
    timeMs: from.timeMs[record]!,
    priority: from.priority[record]!,
    longitudeE7: from.longitudeE7[record]!,
    latitudeE7: from.latitudeE7[record]!,
    altitudeM: from.altitudeM[record]!,
    headingDeg: from.headingDeg[record]!,
    satellites: from.satellites[record]!,
    speedKmh: from.speedKmh[record]!,
    eventId: from.eventId[record]!,
    generation: from.generation[record]!,
    elements,
  };
}

function parsed(field: Uint8Array) {
  return parseRecords(field)?.map((record) => {
    const { start, priority, longitudeE7, latitudeE7, altitudeM, headingDeg, satellites, speedKmh, eventId } = record;
    return {
      start,
      timeMs: record.timeHigh * 2 ** 32 + record.timeLow,
      priority,
      longitudeE7,
      latitudeE7,
      altitudeM,
      headingDeg,
      satellites,
      speedKmh,
      eventId,
      generation: record.generation ?? 0,
      elements: elementsOf(record).map(({ id, value }): [number, string] => [id, hex(value)]),
    };
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test("the walker and the grammar read every random packet alike", () => {
  fc.assert(
    fc.property(anyField, (field) => {
      const expected = parsed(field);
      expect(expected).toBeDefined();
      expect(walked(field)).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

test("the walker and the grammar accept and refuse the same damaged packets", () => {
  let accepted = 0;
  const damage = fc.tuple(anyField, fc.nat(), fc.nat(255), fc.nat(3));
  fc.assert(
    fc.property(damage, ([field, place, value, cut]) => {
      const damaged = Uint8Array.from(cut === 0 ? field.subarray(0, field.length - (place % 4)) : field);
      damaged[2 + (place % Math.max(1, damaged.length - 3))] = value;
      const ours = walked(damaged);
      if (ours) accepted++;
      expect(ours).toEqual(parsed(damaged));
    }),
    { numRuns: 2_000 },
  );
  expect(accepted).toBeGreaterThan(100);
});

test("element values of 1 to 8 bytes are read as unsigned integers", () => {
  fc.assert(
    fc.property(anyField, (field) => {
      expect(readRecords(field, 0, field.length)).toBeDefined();
      for (let row = 0; row < columns.elementCount; row++) {
        const size = columns.elementWidth[row]!;
        if (size === 0) continue;
        const at = columns.elementAt[row]!;
        expect(columns.elementValue[row]).toBe(Number(BigInt(`0x${hex(field.subarray(at, at + size))}`)));
      }
    }),
  );
});

test("a codec 8 packet with a group of 16-byte values is read where the documented layout does not fit", () => {
  const record = {
    timeMs: 1_560_161_086_000,
    priority: 0,
    longitudeE7: 1,
    latitudeE7: 1,
    altitudeM: 0,
    headingDeg: 0,
    satellites: 4,
    speedKmh: 0,
    eventId: 0,
    elements: [
      { id: 1, bytes: Uint8Array.of(1) },
      { id: 203, bytes: new Uint8Array(16).fill(7) },
    ],
  };
  const packet = encodePacket({ kind: "records", codec: CODEC.eight, records: [record, record], sixteen: true });
  const read = walked(packet.slice(8, -4));
  expect(read?.map(({ elements }) => elements)).toEqual([
    [
      [1, "01"],
      [203, "07".repeat(16)],
    ],
    [
      [1, "01"],
      [203, "07".repeat(16)],
    ],
  ]);
});

test("a packet larger than any that is believed is refused, not read", () => {
  const field = new Uint8Array(FRAME_BYTES_MAX + 1);
  field.set([CODEC.eight, 0]);
  expect(readRecords(field, 0, 3)).toBeUndefined();
});

test("groups that end with the longest packet, where the count of the next should be, are refused", () => {
  const field = new Uint8Array(FRAME_BYTES_MAX);
  const view = new DataView(field.buffer);
  field.set([CODEC.extended, 1]);
  // 3 elements of one byte and 16,373 of two fill the field up to its second count.
  view.setUint16(30, 3);
  view.setUint16(41, 16_373);
  expect(readRecords(field, 0, field.length)).toBeUndefined();
});

test("a packet cut short is not completed by what an earlier one left behind", () => {
  fc.assert(
    fc.property(anyField, fc.nat(), (field, cut) => {
      const shortened = Uint8Array.from(field.subarray(0, 2 + (cut % (field.length - 2))));
      const expected = parsed(shortened);
      expect(walked(field)).toBeDefined();
      expect(walked(shortened)).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

test("the checksum equals the checksum bit by bit, wherever the bytes lie and whatever surrounds them", () => {
  expect(crc16(Buffer.from("123456789"), 0, 9)).toBe(0xbb3d);
  const place = fc.tuple(fc.nat(40), fc.nat(40));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_500, size: "max" }), place, (bytes, [before, behind]) => {
      const start = Math.min(before, bytes.length);
      const end = Math.max(start, bytes.length - behind);
      let crc = 0;
      for (const byte of bytes.subarray(start, end)) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
      }
      expect(crc16(bytes, start, end)).toBe(crc);
    }),
    { numRuns: 1_000, endOnFailure: true },
  );
});

test("the checksum of the longest packet is found", () => {
  const bytes = new Uint8Array(FRAME_BYTES_MAX).fill(0xff);
  const half = bytes.length / 2;
  // The checksum is linear: that of the whole is that of both halves, each with zeros in the other's place.
  const first = Uint8Array.from(bytes).fill(0, half);
  expect(crc16(bytes, 0, bytes.length)).toBe(crc16(first, 0, bytes.length) ^ crc16(bytes, half, bytes.length));
  expect(crc16(first, 0, half)).toBe(crc16(bytes, half, bytes.length));
});
