import type { Attributes } from "#decoders/decoder.ts";
import {
  type DeviceData,
  type DeviceElement,
  type DeviceRecord,
  elementBytes,
  encodeDatagram,
  encodeLogin,
  encodePacket,
} from "#decoders/teltonika/encode.ts";
import { parseCommandData } from "#decoders/teltonika/grammar.ts";
import { CODEC, COMMAND_TYPE, PACKET_HEAD_BYTES, PACKET_TAIL_BYTES } from "#decoders/teltonika/layout.ts";
import type { DeviceProtocol, SimulatedRecord } from "../device.ts";
import { openTcpLink, type TcpAnswer, type TcpDialect } from "../links/tcp-link.ts";
import { openUdpLink, type UdpAnswer, type UdpDialect } from "../links/udp-link.ts";
import { makeImei } from "./imei.ts";

/**
 * A Teltonika FMB120 that speaks Codec 8 Extended (vendor wiki, "Codec" and "FMB120 Teltonika Data Sending Parameters
 * ID"). Two elements outside the vendor's list carry the run and the number of the record; every profile leaves unknown
 * ids as `io.<id>`, so a checker finds them in the stored fix.
 */
export const teltonikaTcp: DeviceProtocol = {
  protocol: "teltonika",
  model: "FMB120",
  hasPassword: false,
  clock: { stepMs: 1, canBeUnset: true },
  makeUid: makeImei,
  openLink: (context) => openTcpLink(context, tcpDialect),
  readMarker,
};

export const teltonikaUdp: DeviceProtocol = {
  ...teltonikaTcp,
  openLink: (context) => openUdpLink(context, udpDialect),
};

export const RUN_ELEMENT_ID = 65_101;
export const MARKER_ELEMENT_ID = 65_102;

const ACCEPT = 0x01;
const REFUSE = 0x00;
const ACK_BYTES = 4;
const UDP_ACK_BYTES = 7;
/** Size of the AVL packet id, one byte. */
const AVL_PACKET_NUMBERS = 256;
/** The vendor's own devices send this for every packet; what tells packets apart is the AVL packet id. */
const CHANNEL_PACKET_ID = 0xcafe;

export const tcpDialect: TcpDialect = {
  login: encodeLogin,
  encode: (_uid, records) => encodePacket(toData(records)),
  readAnswer,
};

export const udpDialect: UdpDialect = {
  packetNumbers: AVL_PACKET_NUMBERS,
  encode: (imei, records, avlPacketId) =>
    encodeDatagram({ packetId: CHANNEL_PACKET_ID, unused: 1, avlPacketId, imei }, toData(records)),
  readAnswer: readAck,
};

/** Login: one byte, 1 accepts and 0 refuses. Data: four bytes, the number of records taken. */
function readAnswer(bytes: Uint8Array, awaiting: "login" | "ack"): TcpAnswer {
  if (awaiting === "login") {
    if (bytes[0] === ACCEPT) return { kind: "accepted", consumed: 1 };
    return bytes[0] === REFUSE ? { kind: "refused", consumed: 1 } : { kind: "strange" };
  }
  if (bytes.length < ACK_BYTES) return { kind: "incomplete" };
  const records = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  return records === 0 ? readCommand(bytes) : { kind: "ack", consumed: ACK_BYTES, records };
}

/** A packet of the gateway, which starts with four zeros as no acknowledgement does: a command in Codec 12 or 14. */
function readCommand(bytes: Uint8Array): TcpAnswer {
  if (bytes.length < PACKET_HEAD_BYTES) return { kind: "incomplete" };
  const dataEnd = PACKET_HEAD_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(ACK_BYTES);
  const consumed = dataEnd + PACKET_TAIL_BYTES;
  if (consumed > COMMAND_BYTES_MAX) return { kind: "strange" };
  if (bytes.length < consumed) return { kind: "incomplete" };
  const command = parseCommandData(bytes.subarray(PACKET_HEAD_BYTES, dataEnd));
  if (command?.type !== COMMAND_TYPE.command) return { kind: "strange" };
  const body = Buffer.concat([command.body, Buffer.from(" OK")]);
  const answer = { kind: "command", type: COMMAND_TYPE.response, body } as const;
  const { imei } = command;
  const reply = encodePacket(
    imei === undefined ? { ...answer, codec: CODEC.twelve } : { ...answer, codec: CODEC.fourteen, imei },
  );
  return { kind: "command", consumed, reply };
}

const COMMAND_BYTES_MAX = 2_048;

/** Length (2, always 5), channel packet id (2), unused (1), AVL packet id (1), number of records taken (1). */
function readAck(bytes: Uint8Array): UdpAnswer | undefined {
  if (bytes.length !== UDP_ACK_BYTES || bytes[0] !== 0 || bytes[1] !== UDP_ACK_BYTES - 2) return undefined;
  return { kind: "ack", packetNumber: bytes[5]!, records: bytes[6]! };
}

const IGNITION_ID = 239;

/** GSM signal, GNSS status, sleep mode, battery voltage, network operator. */
const STEADY_ELEMENTS = [
  element(21, 1, 4),
  element(69, 1, 1),
  element(200, 1, 0),
  element(67, 2, 4_080),
  element(241, 4, 24_001),
];

function toData(records: readonly SimulatedRecord[]): DeviceData {
  return { kind: "records", codec: CODEC.extended, records: records.map(toDeviceRecord) };
}

function toDeviceRecord(record: SimulatedRecord): DeviceRecord {
  const moving = record.speedMps > 0.5;
  const speedKmh = Math.round(record.speedMps * 3.6);
  return {
    timeMs: record.timeMs,
    priority: record.event === null ? 0 : 1,
    longitudeE7: Math.round(record.lonDeg * 1e7),
    latitudeE7: Math.round(record.latDeg * 1e7),
    altitudeM: Math.round(record.altitudeM),
    headingDeg: Math.round(record.headingDeg) % 360,
    satellites: record.satellites,
    speedKmh,
    eventId: record.event === "ignition" ? IGNITION_ID : 0,
    elements: [
      element(IGNITION_ID, 1, record.ignition ? 1 : 0),
      element(240, 1, moving ? 1 : 0),
      element(80, 1, moving ? 1 : 0),
      element(181, 2, Math.round(record.hdop * 16)),
      element(182, 2, Math.round(record.hdop * 10)),
      element(66, 2, record.ignition ? 14_100 : 12_600),
      element(24, 2, speedKmh),
      element(16, 4, Math.round(record.odometerM)),
      element(RUN_ELEMENT_ID, 4, record.run),
      element(MARKER_ELEMENT_ID, 4, record.marker),
      ...STEADY_ELEMENTS,
    ],
  };
}

function element(id: number, width: 1 | 2 | 4, value: number): DeviceElement {
  return { id, bytes: elementBytes(value, width) };
}

function readMarker(attributes: Attributes, run: number): number | undefined {
  const marker = attributes[`io.${MARKER_ELEMENT_ID}`];
  return attributes[`io.${RUN_ELEMENT_ID}`] === run && typeof marker === "number" ? marker : undefined;
}
