import { valueBytes } from "./columns.ts";
import {
  type DeviceData,
  type DeviceElement,
  type DeviceRecord,
  encodeDatagram,
  encodeKeepAlive,
  encodeLogin,
  encodePacket,
  type PersonalRecord,
  type RecordCodec,
} from "./encode.ts";
import { partsOf } from "./frame.ts";
import { parseCommandData, parseDatagramHead } from "./grammar.ts";
import { CODEC, carriesCommand } from "./layout.ts";
import { type PersonalWireElement, type PersonalWireRecord, parsePersonalData } from "./personal-grammar.ts";
import { readRecords } from "./records.ts";

/** Reads a frame into the encoder's model and encodes it again: for tests that nothing is lost on the way. */
export function reencode(frame: Uint8Array): Uint8Array {
  const parts = partsOf(frame);
  if (!parts) throw new Error("not a frame");
  if (parts.kind === "keepAlive") return encodeKeepAlive();
  if (parts.kind === "login") return encodeLogin(parts.imei);
  const data = dataOf(frame, parts.codec, parts.dataStart, parts.dataEnd);
  const head = parts.imei === null ? undefined : parseDatagramHead(frame);
  return head ? encodeDatagram(head, data) : encodePacket(data);
}

function dataOf(frame: Uint8Array, codec: number, start: number, end: number): DeviceData {
  const field = frame.subarray(start, end);
  if (carriesCommand(codec)) return { kind: "command", ...parseCommandData(field)! } as DeviceData;
  if (codec === CODEC.gh3000) {
    return { kind: "personal", records: parsePersonalData(field)!.records.map(personalRecordOf) };
  }
  return { kind: "records", codec: codec as RecordCodec, records: recordsOf(frame, start, end) };
}

function recordsOf(frame: Uint8Array, start: number, end: number): DeviceRecord[] {
  const columns = readRecords(frame, start, end);
  if (!columns) throw new Error("the records do not fill the packet");
  return Array.from({ length: columns.recordCount }, (_, record) => ({
    timeMs: columns.timeMs[record]!,
    priority: columns.priority[record]!,
    longitudeE7: columns.longitudeE7[record]!,
    latitudeE7: columns.latitudeE7[record]!,
    altitudeM: columns.altitudeM[record]!,
    headingDeg: columns.headingDeg[record]!,
    satellites: columns.satellites[record]!,
    speedKmh: columns.speedKmh[record]!,
    eventId: columns.eventId[record]!,
    ...(columns.hasGeneration ? { generation: columns.generation[record]! } : {}),
    elements: rowsOf(columns.firstElement[record]!, columns.firstElement[record + 1]!).map(
      (row): DeviceElement => ({
        id: columns.elementId[row]!,
        bytes: frame.slice(columns.elementAt[row]!, columns.elementAt[row]! + valueBytes(columns, row)),
        ...(columns.elementWidth[row] === 0 ? { variable: true } : {}),
      }),
    ),
  }));
}

function rowsOf(first: number, last: number): number[] {
  return Array.from({ length: last - first }, (_, index) => first + index);
}

function personalRecordOf(record: PersonalWireRecord): PersonalRecord {
  const { latitudeDeg, longitudeDeg, altitudeM, heading, speedKmh, satellites, lac, cell, signal, operator } = record;
  const location = {
    ...(latitudeDeg === undefined ? {} : { position: { latitudeDeg, longitudeDeg: longitudeDeg! } }),
    ...(altitudeM === undefined ? {} : { altitudeM }),
    ...(heading === undefined ? {} : { heading }),
    ...(speedKmh === undefined ? {} : { speedKmh }),
    ...(satellites === undefined ? {} : { satellites }),
    ...(lac === undefined ? {} : { cell: { lac, id: cell! } }),
    ...(signal === undefined ? {} : { signal }),
    ...(operator === undefined ? {} : { operator }),
  };
  return {
    priority: record.head >>> 30,
    time: record.head & 0x3fff_ffff,
    ...(record.locationMask === undefined ? {} : { location }),
    groups: {
      ...groupOf(1, record.elements1),
      ...groupOf(2, record.elements2),
      ...groupOf(4, record.elements4),
      ...groupOf(8, record.elements8),
    },
  };
}

function groupOf(size: 1 | 2 | 4 | 8, elements: readonly PersonalWireElement[] | undefined): PersonalRecord["groups"] {
  return elements ? { [size]: elements.map(({ id, value }) => ({ id, bytes: value })) } : {};
}
