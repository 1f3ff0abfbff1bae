import { deviceTypeOf, queclinkCodes } from "#firmware-profiles/queclink/index.ts";

/**
 * The fields of an ASCII message and what stands at its two ends.
 *
 *     +RESP:GTxxx, version, unique id, [VIN,] name, …, send time, count $
 *     +RESP:GTxxx, unique id, …, count, version $          (GL100: no version in front)
 *
 * Source: GL300 @Track air interface protocol 1.02, section 2; GL100 @Track air interface protocol 2.03.
 */
export type AsciiMessage = {
  /** `RESP`, `BUFF`, `ACK` … */
  head: string;
  /** `GTFRI` … */
  report: string;
  /** Version with the device type in front, "" for a GL100. */
  version: string;
  deviceType: string;
  model: string | undefined;
  deviceUid: string;
  vin: string | undefined;
  name: string | undefined;
  fields: readonly string[];
  /** The fields of the report itself: half-open indices. */
  bodyStart: number;
  bodyEnd: number;
  sendTime: string | undefined;
  /** Four hex digits, undefined where the message was cut off. */
  count: string | undefined;
};

const HEAD = /^\+([A-Z]{3,5}):(GT[A-Z0-9]{3})$/;
const VERSION = /^[0-9A-Za-z]{6,10}$/;
const UNIQUE_ID = /^[0-9A-Za-z]{14,16}$/;
const VIN = /^[A-HJ-NPR-Z0-9]{17}$/;
const TIME = /^\d{14}$/;
const COUNT = /^[0-9A-Fa-f]{4}$/;

/** Undefined where the text is no message or names no device. */
export function parseAscii(bytes: Uint8Array): AsciiMessage | undefined {
  const end = textEnd(bytes);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("latin1");
  const fields = text.split(",");
  const [, head, report] = fields.length < 2 ? [] : (HEAD.exec(fields[0]!) ?? []);
  if (head === undefined || report === undefined) return undefined;
  const second = fields[1] ?? "";
  const third = fields[2] ?? "";
  if (VERSION.test(second) && UNIQUE_ID.test(third)) return versioned(head, report, fields);
  if (!UNIQUE_ID.test(second)) return undefined;
  const blank = { version: "", deviceType: "", model: undefined, vin: undefined, name: undefined };
  return { head, report, ...blank, deviceUid: second, fields, bodyStart: 2, ...endOf(fields) };
}

const TERMINATORS = new Set([0x24, 0x00, 0x0d, 0x0a]);

/** Length of the text without its terminators. */
export function textEnd(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && TERMINATORS.has(bytes[end - 1]!)) end--;
  return end;
}

function versioned(head: string, report: string, fields: readonly string[]): AsciiMessage {
  const version = fields[1]!;
  const { type, model } = deviceTypeOf(version);
  const carriesVin = VIN.test(fields[3] ?? "") || (queclinkCodes.vinTypes.has(type) && fields.length > 6);
  const vin = carriesVin ? fields[3] || undefined : undefined;
  const nameAt = carriesVin ? 4 : 3;
  const ends = endOf(fields);
  const bodyStart = Math.min(nameAt + 1, ends.bodyEnd);
  const names = { vin, name: fields[nameAt] || undefined };
  return {
    head,
    report,
    version,
    deviceType: type,
    model,
    deviceUid: fields[2]!,
    ...names,
    fields,
    bodyStart,
    ...ends,
  };
}

function endOf(fields: readonly string[]): Pick<AsciiMessage, "bodyEnd" | "sendTime" | "count"> {
  const last = fields.at(-1) ?? "";
  const beforeLast = fields.at(-2) ?? "";
  const size = fields.length;
  if (COUNT.test(last) && TIME.test(beforeLast)) return { bodyEnd: size - 2, sendTime: beforeLast, count: last };
  // A GL100 has its version last; before it the count, or a count after it.
  if (/^\d{10}$/.test(last) && COUNT.test(beforeLast))
    return { bodyEnd: size - 2, sendTime: undefined, count: beforeLast };
  if (COUNT.test(last)) return { bodyEnd: size - 1, sendTime: undefined, count: last };
  if (TIME.test(last)) return { bodyEnd: size - 1, sendTime: last, count: undefined };
  // Cut off inside the send time.
  const cut = /^\d{8,13}$/.test(last);
  return { bodyEnd: cut ? size - 1 : size, sendTime: undefined, count: undefined };
}

/** Milliseconds of YYYYMMDDHHMMSS in UTC, null where no calendar has it. */
export function timeOf(text: string | undefined): number | null {
  if (text === undefined || !TIME.test(text)) return null;
  const month = twoDigits(text, 4);
  const day = twoDigits(text, 6);
  const hour = twoDigits(text, 8);
  const minute = twoDigits(text, 10);
  const second = twoDigits(text, 12);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) return null;
  return Date.UTC(100 * twoDigits(text, 0) + twoDigits(text, 2), month - 1, day, hour, minute, second);
}

const ZERO = 0x30;

function twoDigits(text: string, at: number): number {
  return 10 * (text.charCodeAt(at) - ZERO) + text.charCodeAt(at + 1) - ZERO;
}
