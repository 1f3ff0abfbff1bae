import type { Attributes, DecodeResult } from "../decoder.ts";
import { emptyReport } from "../empty-report.ts";
import { parseCommandData } from "./grammar.ts";
import { CODEC, COMMAND_TYPE } from "./layout.ts";
import { hexOf, printableText } from "./values.ts";

const BODY_OFFSET = 7;

/**
 * Codecs 12 to 15: answers to commands (12, 14) and data of a serial port (13, 15, which carry the device's time). The
 * body is text where all of it is printable, otherwise hex: serial pass-through is binary.
 */
export function decodeCommand(frame: Uint8Array, dataStart: number, dataEnd: number): DecodeResult {
  const command = parseCommandData(frame.subarray(dataStart, dataEnd));
  if (!command) return { kind: "undecodable", reason: "layout", detail: "the command does not fill the packet" };
  const serial = command.codec === CODEC.thirteen || command.codec === CODEC.fifteen;
  const attributes: Attributes = { "command.type": command.type };
  const text = printableText(command.body);
  const kind = serial ? "serial" : "command";
  if (text !== undefined) attributes[`${kind}.text`] = text;
  else attributes[`${kind}.hex`] = hexOf(command.body, 0, command.body.length);
  if (command.codec === CODEC.fourteen && command.type === COMMAND_TYPE.refused) attributes["command.refused"] = true;
  const driver = text === undefined ? undefined : driverOf(text);
  if (driver !== undefined) attributes["driver.id"] = driver;
  const report = emptyReport(serial ? "status" : "commandReply", dataStart, dataEnd, attributes);
  if (command.timeS !== undefined) report.timeMs = command.timeS * 1_000;
  const uid = command.imei?.replace(/^0/, "");
  const named = uid !== undefined && /^\d+$/.test(uid);
  return { kind: "decoded", reports: [report], ...(named ? { deviceUid: uid } : {}) };
}

/** A driver card reader on the serial port says `GTSL|6|1|0|<driver>|1|`. */
function driverOf(text: string): string | undefined {
  const fields = text.trim().split("|");
  return fields[0] === "GTSL" && fields[4] ? fields[4] : undefined;
}

/** The IMEI that a codec 14 or 15 data field carries; undefined for the other codecs and for digits that are none. */
export function commandImei(frame: Uint8Array, dataStart: number, dataEnd: number): string | undefined {
  const codec = frame[dataStart]!;
  const at = dataStart + BODY_OFFSET + (codec === CODEC.fifteen ? 4 : 0);
  if ((codec !== CODEC.fourteen && codec !== CODEC.fifteen) || at + 8 >= dataEnd) return undefined;
  const uid = hexOf(frame, at, at + 8).replace(/^0/, "");
  return /^\d+$/.test(uid) ? uid : undefined;
}
