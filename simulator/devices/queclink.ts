import {
  commandAnswer,
  fixedReport,
  heartbeat,
  ignitionReport,
  type QueclinkDevice,
  type QueclinkPosition,
} from "#decoders/queclink/encode.ts";
import type { DeviceProtocol, SimulatedRecord } from "../device.ts";
import { type MessageAnswer, type MessageDialect, type MessageHead, openMessageLink } from "../links/message-link.ts";
import { openUdpLink, type UdpAnswer, type UdpDialect } from "../links/udp-link.ts";
import { markingCell, readCellMarker } from "./cell-marker.ts";
import { makeImei } from "./imei.ts";

/**
 * A Queclink GV300 in @Track ASCII over TCP with SACK on: GTFRI with up to 15 positions, GTIGN and GTIGF, heartbeats,
 * answers to commands. What is not confirmed by `+SACK:<count>$` is sent again with its own count: five times on the same
 * connection (GL100 @Track air interface protocol 2.03), then as +BUFF on the next one.
 */
export const queclinkTcp: DeviceProtocol = {
  protocol: "queclink",
  model: "GV300",
  hasPassword: false,
  clock: { stepMs: 1_000, canBeUnset: true },
  makeUid: makeImei,
  openLink: (context) => openMessageLink(context, queclinkDialect),
  readMarker: readCellMarker,
};

/** The same device over UDP: a datagram for each report, one waiting for its SACK, sent again as it was until it comes. */
export const queclinkUdp: DeviceProtocol = {
  ...queclinkTcp,
  openLink: (context) => openUdpLink(context, queclinkUdpDialect),
};

const VERSION = "060228";
const DEVICE_NAME = "gv300";
const COUNTS = 0x1_0000;
const POSITIONS_MAX = 15;
const REPETITIONS_MAX = 5;
const IN_FLIGHT_MAX = 4;

export const queclinkDialect: MessageDialect = {
  login: null,
  group,
  encode,
  heartbeat: (imei, count, last) => heartbeat(deviceOf(imei), last?.timeMs ?? Date.now(), count),
  readAnswer,
  numbered: "message",
  numbers: COUNTS,
  inFlightMax: IN_FLIGHT_MAX,
  repetitionsMax: REPETITIONS_MAX,
  hasChecksum: false,
};

export const queclinkUdpDialect: UdpDialect = {
  packetNumbers: COUNTS,
  fit: (records) => group(records)[0]!.length,
  encode: (imei, records, number) => {
    const sentMs = Math.max(...records.map(({ timeMs }) => timeMs));
    return encode(imei, records, { number, sentMs, madeOffline: false, outlived: false });
  },
  readAnswer: readDatagram,
};

function readDatagram(bytes: Uint8Array, imei: string): UdpAnswer | undefined {
  const answer = readAnswer(bytes, imei);
  if (answer.kind === "command") return { kind: "command", reply: answer.reply };
  return answer.kind === "answer" && answer.to === "report" ? { kind: "ack", packetNumber: answer.number } : undefined;
}

/** Positions share a report while the ignition stays as it is and their times differ; an event has its own report. */
function group(records: readonly SimulatedRecord[]): SimulatedRecord[][] {
  const groups: SimulatedRecord[][] = [];
  for (const record of records) {
    const open = groups.at(-1);
    const fits =
      open !== undefined &&
      open.length < POSITIONS_MAX &&
      record.event === null &&
      open.every(({ event, ignition, timeMs }) => {
        return event === null && ignition === record.ignition && timeMs !== record.timeMs;
      });
    if (fits) open.push(record);
    else groups.push([record]);
  }
  return groups;
}

function encode(imei: string, records: readonly SimulatedRecord[], head: MessageHead): Uint8Array {
  const device = deviceOf(imei);
  const message = { sentMs: head.sentMs, count: head.number, buffered: head.madeOffline || head.outlived };
  const last = records.at(-1)!;
  if (last.event === "ignition") return ignitionReport(device, last.ignition, 0, positionOf(last), message);
  const state = {
    ignition: last.ignition,
    moving: last.speedMps > 0.5,
    externalVoltage: last.ignition ? 14.1 : 12.6,
    batteryPercent: 95,
  };
  return fixedReport(device, records.map(positionOf), state, message);
}

function deviceOf(imei: string): QueclinkDevice {
  return { imei, version: VERSION, name: DEVICE_NAME };
}

function positionOf(record: SimulatedRecord): QueclinkPosition {
  const { latDeg, lonDeg, timeMs, speedMps, headingDeg, altitudeM, odometerM } = record;
  const accuracy = Math.max(1, Math.round(record.hdop));
  const place = { latDeg, lonDeg, timeMs, speedMps, headingDeg, altitudeM };
  return { ...place, accuracy, odometerM: odometerM % ODOMETER_END_M, cell: markingCell(record) };
}

/** The field holds 4,294,967.0 km. */
const ODOMETER_END_M = 4_294_967_000;

const DOLLAR = 0x24;
const ANSWER_BYTES_MAX = 512;
const SACK = /^\+SACK:([0-9A-F]{4})$/;
const HEARTBEAT_SACK = new RegExp(`^\\+SACK:GTHBD,${VERSION},([0-9A-F]{4})$`);
const COMMAND = /^AT\+(GT[A-Z0-9]{3})=(?:.*,)?([0-9A-F]{4})$/;

/** `+SACK:<count>$`, `+SACK:GTHBD,<version>,<count>$`, or a command `AT+GT…=…,<serial>$`. */
function readAnswer(bytes: Uint8Array, imei: string): MessageAnswer {
  const end = bytes.indexOf(DOLLAR);
  if (end < 0) return bytes.length < ANSWER_BYTES_MAX ? { kind: "incomplete" } : { kind: "strange" };
  const text = Buffer.from(bytes.subarray(0, end)).toString("latin1");
  const consumed = end + 1;
  const report = SACK.exec(text)?.[1];
  if (report) return { kind: "answer", consumed, to: "report", number: Number.parseInt(report, 16) };
  const beat = HEARTBEAT_SACK.exec(text)?.[1];
  if (beat) return { kind: "answer", consumed, to: "heartbeat", number: Number.parseInt(beat, 16) };
  const [, name, serial] = COMMAND.exec(text) ?? [];
  if (!name || !serial) return { kind: "strange" };
  const reply = (count: number): Uint8Array =>
    commandAnswer(deviceOf(imei), name, Number.parseInt(serial, 16), Date.now(), count);
  return { kind: "command", consumed, reply };
}
