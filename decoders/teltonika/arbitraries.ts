import fc from "fast-check";
import {
  type DeviceData,
  type DeviceElement,
  type DeviceRecord,
  encodeDatagram,
  encodeKeepAlive,
  encodeLogin,
  encodePacket,
  type PersonalLocation,
  type PersonalRecord,
  type RecordCodec,
} from "./encode.ts";
import { CODEC } from "./layout.ts";

/** fast-check arbitraries of what Teltonika devices send, all made by the encoder. */

const RECORDS_MAX = 5;
const ELEMENTS_MAX = 6;

const imei = fc.stringMatching(/^[1-9][0-9]{14}$/);
const body = fc.uint8Array({ maxLength: 60 });
const uint32 = fc.nat(0xffff_ffff);

export const anyLogin = imei.map(encodeLogin);

export function anyRecords(codec: RecordCodec): fc.Arbitrary<DeviceData> {
  const records = fc.array(anyRecord(codec), { minLength: 1, maxLength: RECORDS_MAX });
  return records.map((list): DeviceData => ({ kind: "records", codec, records: list }));
}

function anyRecord(codec: RecordCodec): fc.Arbitrary<DeviceRecord> {
  const idMax = codec === CODEC.eight ? 0xff : 0xffff;
  return fc
    .record({
      timeMs: fc.maxSafeNat(),
      priority: fc.nat(2),
      longitudeE7: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      latitudeE7: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      altitudeM: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
      headingDeg: fc.nat(0xffff),
      satellites: fc.nat(0xff),
      speedKmh: fc.nat(0xffff),
      eventId: fc.nat(idMax),
      elements: anyElements(codec, idMax),
    })
    .chain((record) =>
      codec === CODEC.sixteen ? fc.nat(7).map((generation) => ({ ...record, generation })) : fc.constant(record),
    );
}

/** In the order of their groups, which is the order on the wire. */
function anyElements(codec: RecordCodec, idMax: number): fc.Arbitrary<DeviceElement[]> {
  const groups = [1, 2, 4, 8].map((size) => fc.array(anyElement(idMax, size), { maxLength: ELEMENTS_MAX }));
  const variable = fc.tuple(fc.nat(idMax), body).map(([id, bytes]): DeviceElement => ({ id, bytes, variable: true }));
  if (codec === CODEC.extended) groups.push(fc.array(variable, { maxLength: 2 }));
  return fc.tuple(...groups).map((lists) => lists.flat());
}

function anyElement(idMax: number, size: number): fc.Arbitrary<DeviceElement> {
  return fc.record({ id: fc.nat(idMax), bytes: fc.uint8Array({ minLength: size, maxLength: size }) });
}

const anyCommand: fc.Arbitrary<DeviceData> = fc.oneof(
  fc.record({ kind: fc.constant("command" as const), codec: fc.constant(0x0c as const), type: fc.nat(0xff), body }),
  fc.record({
    kind: fc.constant("command" as const),
    codec: fc.constant(0x0d as const),
    type: fc.nat(0xff),
    timeS: uint32,
    body,
  }),
  fc.record({
    kind: fc.constant("command" as const),
    codec: fc.constant(0x0e as const),
    type: fc.nat(0xff),
    imei,
    body,
  }),
  fc.record({
    kind: fc.constant("command" as const),
    codec: fc.constant(0x0f as const),
    type: fc.nat(0xff),
    timeS: uint32,
    imei,
    body,
  }),
);

const float32 = fc.float({ noNaN: true });

const anyLocation: fc.Arbitrary<PersonalLocation> = fc.record(
  {
    position: fc.record({ latitudeDeg: float32, longitudeDeg: float32 }),
    altitudeM: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
    heading: fc.nat(0xff),
    speedKmh: fc.nat(0xff),
    satellites: fc.nat(0xff),
    cell: fc.record({ lac: fc.nat(0xffff), id: fc.nat(0xffff) }),
    signal: fc.nat(0xff),
    operator: uint32,
  },
  { requiredKeys: [] },
);

const personalGroup = (size: 1 | 2 | 4 | 8) => fc.array(anyElement(0xff, size), { maxLength: 3 });

const anyPersonalRecord: fc.Arbitrary<PersonalRecord> = fc.record(
  {
    priority: fc.nat(3),
    time: fc.nat(0x3fff_ffff),
    location: anyLocation,
    groups: fc.record(
      { 1: personalGroup(1), 2: personalGroup(2), 4: personalGroup(4), 8: personalGroup(8) },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ["priority", "time", "groups"] },
);

const anyPersonal: fc.Arbitrary<DeviceData> = fc
  .array(anyPersonalRecord, { minLength: 1, maxLength: RECORDS_MAX })
  .map((records): DeviceData => ({ kind: "personal", records }));

export const anyData: fc.Arbitrary<DeviceData> = fc.oneof(
  anyRecords(CODEC.eight),
  anyRecords(CODEC.extended),
  anyRecords(CODEC.sixteen),
  anyCommand,
  anyPersonal,
);

export const anyPacket: fc.Arbitrary<Uint8Array> = anyData.map(encodePacket);

export const anyStreamFrame: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 8, arbitrary: anyPacket },
  { weight: 1, arbitrary: anyLogin },
  { weight: 1, arbitrary: fc.constant(null).map(encodeKeepAlive) },
);

export const anyDatagram: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.record({ packetId: fc.nat(0xffff), unused: fc.nat(0xff), avlPacketId: fc.nat(0xff), imei }), anyData)
  .map(([head, data]) => encodeDatagram(head, data));
