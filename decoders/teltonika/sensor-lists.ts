import type { AttributeValue } from "../decoder.ts";
import { hexOf } from "./values.ts";

/**
 * Structured elements of variable length: beacons seen, EYE sensors, crash traces. Each reader answers with undefined
 * where the bytes are not what the layout says; the element is then kept raw.
 */
type LayoutReader = (frame: Uint8Array, start: number, end: number) => AttributeValue | undefined;

/** Readers by the name that profiles give in `layout`. */
export const LAYOUT_READERS: { readonly [layout: string]: LayoutReader } = {
  beacons: readBeacons,
  "beacons-advanced": readTlvList,
  "eye-sensors": readTlvList,
  "crash-trace": readCrashTrace,
};

const IBEACON_FLAG = 0x20;
const RSSI_FLAG = 0x01;
const BATTERY_FLAG = 0x02;
const TEMPERATURE_FLAG = 0x04;
const IBEACON_BYTES = 20;
const EDDYSTONE_BYTES = 16;

/**
 * AVL 385: a byte with this part and the number of parts of one scan, then for each beacon flags 1, id 20 (iBeacon: UUID
 * 16, major 2, minor 2) or 16 (Eddystone: namespace 10, instance 6), and as the flags say RSSI 1, battery 2 (mV),
 * temperature 2 (°C).
 */
function readBeacons(frame: Uint8Array, start: number, end: number): AttributeValue | undefined {
  if (start >= end) return undefined;
  const beacons: AttributeValue[] = [];
  const view = viewOf(frame, start, end);
  let at = 1;
  while (at < view.byteLength) {
    const flags = view.getUint8(at++);
    const ibeacon = (flags & IBEACON_FLAG) !== 0;
    const idBytes = ibeacon ? IBEACON_BYTES : EDDYSTONE_BYTES;
    const extraBytes =
      (flags & RSSI_FLAG ? 1 : 0) + (flags & BATTERY_FLAG ? 2 : 0) + (flags & TEMPERATURE_FLAG ? 2 : 0);
    if (at + idBytes + extraBytes > view.byteLength) return undefined;
    const id = start + at;
    const beacon: { [name: string]: AttributeValue } = ibeacon
      ? { uuid: hexOf(frame, id, id + 16), major: view.getUint16(at + 16), minor: view.getUint16(at + 18) }
      : { namespace: hexOf(frame, id, id + 10), instance: hexOf(frame, id + 10, id + 16) };
    at += idBytes;
    if (flags & RSSI_FLAG) beacon.rssiDbm = view.getInt8(at++);
    if (flags & BATTERY_FLAG) {
      beacon.batteryV = view.getUint16(at) / 1_000;
      at += 2;
    }
    if (flags & TEMPERATURE_FLAG) {
      beacon.temperatureC = view.getInt16(at);
      at += 2;
    }
    beacons.push(beacon);
  }
  return beacons;
}

/**
 * AVL 548, 10500 and the EYE lists 10828, 10829, 10831, 11317: a byte 1, then for each sensor a length byte and that
 * many bytes of parameters, each id 1, length 1, value.
 */
function readTlvList(frame: Uint8Array, start: number, end: number): AttributeValue | undefined {
  if (start >= end || frame[start] !== 1) return undefined;
  const sensors: AttributeValue[] = [];
  let at = start + 1;
  while (at < end) {
    const sensorEnd = at + 1 + frame[at]!;
    if (sensorEnd > end) return undefined;
    const sensor = readParameters(frame, at + 1, sensorEnd);
    if (!sensor) return undefined;
    sensors.push(sensor);
    at = sensorEnd;
  }
  return sensors;
}

function readParameters(frame: Uint8Array, start: number, end: number): { [name: string]: AttributeValue } | undefined {
  const sensor: { [name: string]: AttributeValue } = {};
  let at = start;
  while (at < end) {
    if (at + 2 > end) return undefined;
    const valueAt = at + 2;
    const valueEnd = valueAt + frame[at + 1]!;
    if (valueEnd > end) return undefined;
    const [name, value] = readParameter(frame[at]!, frame, valueAt, valueEnd);
    sensor[name] = value;
    at = valueEnd;
  }
  return sensor;
}

/** Temperatures from here on are codes of a sensor that has none. */
const TEMPERATURE_FAULT_MIN = 32_765;

/** A parameter of unknown id, or of another width than its id has, is kept as hex under its number. */
function readParameter(id: number, frame: Uint8Array, start: number, end: number): [string, AttributeValue] {
  const view = viewOf(frame, start, end);
  const known = PARAMETERS[id];
  if (!known || (known.bytes !== undefined && known.bytes !== view.byteLength))
    return [`p${id}`, hexOf(frame, start, end)];
  return [known.name, known.read(view, frame, start, end)];
}

type Parameter = {
  name: string;
  bytes?: number;
  read: (view: DataView, frame: Uint8Array, start: number, end: number) => AttributeValue;
};

const PARAMETERS: { readonly [id: number]: Parameter } = {
  0: { name: "rssiDbm", bytes: 1, read: (view) => view.getInt8(0) },
  1: { name: "id", read: (_view, frame, start, end) => hexOf(frame, start, end) },
  2: { name: "data", read: (_view, frame, start, end) => hexOf(frame, start, end) },
  5: { name: "name", read: (_view, frame, start, end) => nameOf(frame, start, end) },
  6: { name: "temperatureC", bytes: 2, read: (view) => temperatureOf(view.getInt16(0)) },
  7: { name: "humidityPercent", bytes: 1, read: (view) => view.getUint8(0) },
  8: { name: "magnet", bytes: 1, read: (view) => view.getUint8(0) !== 0 },
  9: { name: "moving", bytes: 1, read: (view) => view.getUint8(0) !== 0 },
  10: { name: "movements", bytes: 2, read: (view) => view.getUint16(0) },
  11: { name: "pitchDeg", bytes: 1, read: (view) => view.getInt8(0) },
  12: { name: "rollDeg", bytes: 2, read: (view) => view.getInt16(0) },
  13: { name: "batteryLow", bytes: 1, read: (view) => view.getUint8(0) !== 0 },
  14: { name: "batteryV", bytes: 2, read: (view) => view.getUint16(0) / 1_000 },
  15: { name: "mac", bytes: 6, read: (_view, frame, start, end) => hexOf(frame, start, end) },
};

function temperatureOf(hundredths: number): number | null {
  return hundredths >= TEMPERATURE_FAULT_MIN ? null : hundredths / 100;
}

function nameOf(frame: Uint8Array, start: number, end: number): string {
  return Buffer.from(frame.subarray(start, end)).toString("utf8").replace(/\0+$/, "");
}

const SAMPLE_BYTES = 6;

/** AVL 257: samples of X, Y, Z, each a signed 16-bit number of mg; here as `[x, y, z]` in g. */
function readCrashTrace(frame: Uint8Array, start: number, end: number): AttributeValue | undefined {
  if ((end - start) % SAMPLE_BYTES !== 0) return undefined;
  const view = viewOf(frame, start, end);
  const samples: AttributeValue[] = [];
  for (let at = 0; at < view.byteLength; at += SAMPLE_BYTES) {
    samples.push([view.getInt16(at) / 1_000, view.getInt16(at + 2) / 1_000, view.getInt16(at + 4) / 1_000]);
  }
  return samples;
}

function viewOf(frame: Uint8Array, start: number, end: number): DataView {
  return new DataView(frame.buffer, frame.byteOffset + start, end - start);
}
