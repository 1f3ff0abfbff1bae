import {
  alarm,
  commandReply,
  type Gt06Location,
  type Gt06State,
  heartbeat,
  location,
  login,
} from "#decoders/gt06/encode.ts";
import { nextFrame, openFrame } from "#decoders/gt06/frame.ts";
import * as numbers from "#decoders/gt06/protocol-numbers.ts";
import type { DeviceProtocol, SimulatedRecord } from "../device.ts";
import { type MessageAnswer, type MessageDialect, type MessageHead, openMessageLink } from "../links/message-link.ts";
import { markingCell, readCellMarker } from "./cell-marker.ts";
import { makeImei } from "./imei.ts";

/**
 * A GT06 tracker of the kind that repeats whatever was not answered: positions (0x22) like the alarms (0x26) that tell of the
 * ignition. The vendor's own devices forget a position when TCP took it, so of them only alarms are really acknowledged;
 * clones wait for the answer, and only they can be asked whether it was a true one. Every sending has the next serial, and a
 * record counts as acknowledged only by the number and serial of its last one. JM-VL03 communication protocol 1.1.2.
 */
export const gt06Tcp: DeviceProtocol = {
  protocol: "gt06",
  model: "JM-VL03",
  hasPassword: false,
  clock: { stepMs: 1_000, canBeUnset: true },
  makeUid: makeImei,
  openLink: (context) => openMessageLink(context, gt06Dialect),
  readMarker: readCellMarker,
};

const SERIALS = 0x1_0000;
const DEVICE_TYPE = 0x7000;
/** Times are local, and the login says so: the gateway must remember it. */
const ZONE_MINUTES = 60;
const POSITION_NUMBER = 0x22;
const ALARM_NUMBER = 0x26;
const IGNITION_ON = 0xfe;
const IGNITION_OFF = 0xff;
const IGNITION_CHANGED_MODE = 3;
/** Some modules take no more before the first is answered; few enough to be all of them. */
const IN_FLIGHT_MAX = 2;
/** An unanswered device connects again. */
const REPETITIONS_MAX = 1;

export const gt06Dialect: MessageDialect = {
  login: (imei, serial) => login(imei, serial, { type: DEVICE_TYPE, zoneMinutes: ZONE_MINUTES }),
  group: (records) => records.map((record) => [record]),
  encode,
  heartbeat: (_imei, serial, last) => heartbeat(stateOf(last?.ignition ?? false), serial),
  readAnswer,
  numbered: "sending",
  numbers: SERIALS,
  inFlightMax: IN_FLIGHT_MAX,
  repetitionsMax: REPETITIONS_MAX,
  hasChecksum: true,
};

function encode(_imei: string, records: readonly SimulatedRecord[], { number, madeOffline }: MessageHead): Uint8Array {
  const record = records[0]!;
  const position = positionOf(record, madeOffline);
  if (record.event === null) return location(position, number);
  return alarm(position, stateOf(record.ignition), record.ignition ? IGNITION_ON : IGNITION_OFF, number);
}

function positionOf(record: SimulatedRecord, madeOffline: boolean): Gt06Location {
  const { latDeg, lonDeg, speedMps, headingDeg, satellites, ignition, odometerM } = record;
  return {
    latDeg,
    lonDeg,
    timeMs: record.timeMs + ZONE_MINUTES * 60_000,
    speedMps,
    headingDeg,
    satellites: Math.min(satellites, SATELLITES_MAX),
    positioned: true,
    ignition,
    uploadMode: record.event === null ? 0 : IGNITION_CHANGED_MODE,
    // As it was when the record was made: a repetition has the same content.
    buffered: madeOffline,
    odometerM,
    cell: markingCell(record),
  };
}

/** Four bits. */
const SATELLITES_MAX = 15;

function stateOf(ignition: boolean): Gt06State {
  return { ignition, charging: ignition, positioned: true, level: 6, signal: 4 };
}

/** Length, the flag that comes back with the reply, and the words. */
const COMMAND_FLAG_AT = 1;
const COMMAND_TEXT_AT = 5;

/** A frame of the server: an echo of number and serial, or a command. */
function readAnswer(bytes: Uint8Array): MessageAnswer {
  const step = nextFrame(bytes);
  if (step.kind === "incomplete") return { kind: "incomplete" };
  const frame = step.kind === "frame" ? openFrame(step.frame) : undefined;
  if (step.kind !== "frame" || !frame) return { kind: "strange" };
  const { consumed } = step;
  const number = frame.serial;
  switch (frame.protocol) {
    case numbers.LOGIN:
      return { kind: "answer", consumed, to: "login", number };
    case numbers.HEARTBEAT:
      return { kind: "answer", consumed, to: "heartbeat", number };
    case POSITION_NUMBER:
    case ALARM_NUMBER:
      return { kind: "answer", consumed, to: "report", number };
    case numbers.COMMAND:
      return { kind: "command", consumed, reply: replyTo(frame.content) };
    default:
      return { kind: "strange" };
  }
}

function replyTo(content: Uint8Array): (serial: number) => Uint8Array {
  const bytes = Buffer.from(content);
  const flag = bytes.readUInt32BE(COMMAND_FLAG_AT);
  const text = bytes.subarray(COMMAND_TEXT_AT, 1 + bytes[0]!).toString("latin1");
  return (serial) => commandReply(`${text} OK`, flag, serial);
}
