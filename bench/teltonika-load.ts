import { type DeviceElement, type DeviceRecord, elementBytes, encodePacket } from "#decoders/teltonika/encode.ts";

/** Packets for the benchmarks, made by the encoder of the device side. */

const SPEED_ELEMENT = 24;
const SPEED_KMH = 50;

/** A full record of Codec 8 Extended: 148 bytes, 21 elements of a car with CAN data. */
export function fullRecord(timeMs: number, latitudeE7 = 577_089_000, speedKmh = SPEED_KMH): DeviceRecord {
  const sizes = {
    1: [239, 240, 21, 113],
    2: [66, 67, 68, 181, 182, 24, 9, 85],
    4: [16, 199, 241, 72, 73, 87],
    8: [11, 14, 78],
  };
  const elements: DeviceElement[] = Object.entries(sizes).flatMap(([size, ids]) =>
    ids.map((id) => {
      const value = id === SPEED_ELEMENT ? speedKmh : (id * 7 + timeMs) % 200;
      return { id, bytes: elementBytes(value, Number(size) as 1 | 2 | 4 | 8) };
    }),
  );
  return { ...smallRecord(timeMs, latitudeE7), speedKmh, eventId: 240, elements };
}

/** A small record: a position with ignition and speed. */
export function smallRecord(timeMs: number, latitudeE7 = 577_089_000): DeviceRecord {
  return {
    timeMs,
    priority: 0,
    longitudeE7: 119_746_000,
    latitudeE7,
    altitudeM: 12,
    headingDeg: 271,
    satellites: 9,
    speedKmh: SPEED_KMH,
    eventId: 0,
    elements: [
      { id: 239, bytes: Uint8Array.of(1) },
      { id: 66, bytes: Uint8Array.of(0x30, 0x39) },
    ],
  };
}

export function recordPacket(
  codec: 0x08 | 0x8e,
  recordCount: number,
  make: (timeMs: number) => DeviceRecord,
  fromMs: number,
): Uint8Array {
  const records = Array.from({ length: recordCount }, (_, index) => make(fromMs + index * 1000));
  return encodePacket({ kind: "records", codec, records });
}
