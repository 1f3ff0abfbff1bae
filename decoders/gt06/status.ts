import type { Attributes, Report } from "../decoder.ts";
import { readUint16 } from "./frame.ts";

/**
 * The words for alarms and the bits of "terminal information".
 * Source: JM-VL03 communication protocol 1.1.2, heartbeat and alarm packets.
 */
const ALARMS: { readonly [code: number]: string } = {
  1: "sos",
  2: "power-cut",
  3: "vibration",
  4: "geofence-enter",
  5: "geofence-exit",
  6: "overspeed",
  9: "tow",
  10: "blind-area-enter",
  11: "blind-area-exit",
  12: "power-on",
  13: "first-fix",
  14: "external-battery-low",
  15: "power-protection",
  16: "sim-changed",
  17: "power-off",
  18: "airplane-mode",
  19: "tamper",
  20: "door",
  21: "battery-shutdown",
  22: "sound",
  23: "rogue-base-station",
  24: "cover-opened",
  25: "battery-low",
  32: "deep-sleep",
  35: "fall",
  41: "harsh-acceleration",
  42: "sharp-left",
  43: "sharp-right",
  44: "collision",
  48: "harsh-braking",
  50: "unplugged",
};

const IGNITION_ON = 0xfe;
const IGNITION_OFF = 0xff;

/** Sets event and attributes for an alarm code; 0 is none, unknown codes keep their number. */
export function readAlarm(report: Report, code: number): void {
  if (code === 0) return;
  if (code === IGNITION_ON || code === IGNITION_OFF) {
    report.event = code === IGNITION_ON ? "ignition.on" : "ignition.off";
    return;
  }
  const alarm = ALARMS[code] ?? `code-${code}`;
  report.event = `alarm.${alarm}`;
  report.attributes.alarm = alarm;
}

const INFO_ALARMS: { readonly [bits: number]: string } = { 1: "vibration", 2: "power-cut", 3: "battery-low", 4: "sos" };

/** Bits of terminal information: 7 fuel cut, 6 GPS fixed, 5-3 alarm, 2 charging, 1 ignition, 0 armed. */
export function readTerminalInfo(report: Report, info: number): void {
  const { attributes } = report;
  attributes.ignition = (info & 0x02) !== 0;
  attributes["battery.charging"] = (info & 0x04) !== 0;
  attributes.immobilised = (info & 0x80) !== 0;
  attributes.armed = (info & 0x01) !== 0;
  attributes["gnss.fixed"] = (info & 0x40) !== 0;
  const alarm = INFO_ALARMS[(info >> 3) & 0x07];
  if (alarm !== undefined && report.event === null) {
    report.event = `alarm.${alarm}`;
    attributes.alarm = alarm;
  }
}

/** Levels 0 (none) to 6 (full); models that send a percentage here are told by the size of the number. */
export function readBatteryLevel(attributes: Attributes, level: number): void {
  if (level <= LEVEL_MAX) attributes["battery.level"] = Math.round((level * 100) / LEVEL_MAX);
  else if (level <= 100) attributes["battery.level"] = level;
}

const LEVEL_MAX = 6;

/** Signal steps 0 (none) to 4 (strong), or a wider scale on some models; kept as sent. */
export function readSignal(attributes: Attributes, signal: number): void {
  attributes["gsm.signal"] = signal;
}

/**
 * The tail of alarms and heartbeats: terminal information, voltage level, GSM signal; then, if there is more, the alarm
 * and the language. Returns the offset after what it read.
 */
export function readStatusTail(report: Report, content: Uint8Array, at: number): number {
  if (at + 3 > content.length) return at;
  readTerminalInfo(report, content[at]!);
  readBatteryLevel(report.attributes, content[at + 1]!);
  readSignal(report.attributes, content[at + 2]!);
  if (at + 5 > content.length) return at + 3;
  report.attributes.language = content[at + 4]!;
  return at + 5;
}

/** Heartbeats: longer ones carry a voltage of two bytes in place of the level. */
export function readHeartbeat(report: Report, content: Uint8Array): void {
  if (content.length === 0) return;
  if (content.length <= STANDARD_HEARTBEAT_BYTES) {
    readStatusTail(report, content, 0);
    return;
  }
  readTerminalInfo(report, content[0]!);
  const centivolts = readUint16(content, 1);
  if (centivolts > 0 && centivolts <= CENTIVOLTS_MAX) report.attributes["external.voltage"] = centivolts / 100;
  report.attributes["gt06.status"] = Buffer.from(content).toString("hex");
}

const STANDARD_HEARTBEAT_BYTES = 5;
/** 60 V: no vehicle's battery gives more, so a larger number is something else. */
const CENTIVOLTS_MAX = 6000;
