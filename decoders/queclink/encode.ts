import { crc16 } from "./checks.ts";

/** The answer to any message but a heartbeat. `count`: its last field, four hex digits. */
export function sack(count: string): Uint8Array {
  return ascii(`+SACK:${count}$`);
}

/** The answer to a heartbeat repeats its version and count. */
export function heartbeatAnswer(version: string, count: string): Uint8Array {
  return ascii(`+SACK:GTHBD,${version},${count}$`);
}

/**
 * A command: `AT+GTRTO=gv300,1,,,,,,0001$`. `serial` comes back in the device's +ACK as `command.serial`.
 * The parameters are the command's own, already in the order of the model's manual.
 */
export function command(name: string, password: string, parameters: readonly string[], serial: number): Uint8Array {
  return ascii(`AT+${name}=${[password, ...parameters, hex16(serial)].join(",")}$`);
}

/** Any ASCII message of a device: head `RESP`, `BUFF`, `ACK`, report `GTFRI`, fields without the tail. */
export function asciiMessage(
  head: string,
  report: string,
  fields: readonly string[],
  sentMs: number,
  count: number,
): Uint8Array {
  return ascii(`+${head}:${[report, ...fields, timeText(sentMs), hex16(count)].join(",")}$`);
}

export type QueclinkDevice = {
  imei: string;
  /** Protocol version with the device type in front: `060228` is a GV300. */
  version: string;
  name: string;
};

export type QueclinkPosition = {
  latDeg: number;
  lonDeg: number;
  timeMs: number;
  speedMps: number;
  headingDeg: number;
  altitudeM: number;
  /** HDOP as a whole number, 0 without a fix. */
  accuracy: number;
  odometerM: number;
  /** Serving cell: area code of 16 bits, cell id of 32. */
  cell?: { lac: number; cid: number };
};

export type QueclinkState = { ignition: boolean; moving: boolean; externalVoltage: number; batteryPercent: number };

/** A fixed report of a GV300 with one position or more; `buffered` makes it +BUFF. */
export function fixedReport(
  device: QueclinkDevice,
  positions: readonly QueclinkPosition[],
  state: QueclinkState,
  message: { sentMs: number; count: number; buffered?: boolean },
): Uint8Array {
  const status = `${state.ignition ? "2" : "1"}${state.moving ? "2" : "1"}${state.ignition ? "01" : "00"}00`;
  const odometerKm = (positions.at(-1)?.odometerM ?? 0) / 1000;
  const fields = [
    ...deviceFields(device),
    String(Math.round(state.externalVoltage * 1000)),
    "10",
    String(positions.length),
    ...positions.flatMap((position) => [...positionFields(position), "00"]),
    odometerKm.toFixed(1),
    ...["", "", "", String(Math.round(state.batteryPercent)), status, "", "", ""],
  ];
  return asciiMessage(message.buffered === true ? "BUFF" : "RESP", "GTFRI", fields, message.sentMs, message.count);
}

/** Ignition switched on (GTIGN) or off (GTIGF) after `durationS` of the state before. */
export function ignitionReport(
  device: QueclinkDevice,
  on: boolean,
  durationS: number,
  position: QueclinkPosition,
  message: { sentMs: number; count: number; buffered?: boolean },
): Uint8Array {
  const odometerKm = (position.odometerM / 1000).toFixed(1);
  const fields = [
    ...deviceFields(device),
    String(Math.round(durationS)),
    ...positionFields(position),
    "00",
    "",
    odometerKm,
  ];
  const head = message.buffered === true ? "BUFF" : "RESP";
  return asciiMessage(head, on ? "GTIGN" : "GTIGF", fields, message.sentMs, message.count);
}

export function heartbeat(device: QueclinkDevice, sentMs: number, count: number): Uint8Array {
  return asciiMessage("ACK", "GTHBD", deviceFields(device), sentMs, count);
}

/** The device's answer to a command. */
export function commandAnswer(
  device: QueclinkDevice,
  name: string,
  serial: number,
  sentMs: number,
  count: number,
): Uint8Array {
  return asciiMessage("ACK", name, [...deviceFields(device), hex16(serial)], sentMs, count);
}

function deviceFields({ version, imei, name }: QueclinkDevice): string[] {
  return [version, imei, name];
}

function positionFields(position: QueclinkPosition): string[] {
  const { lac, cid } = position.cell ?? { lac: 0, cid: 0 };
  return [
    String(position.accuracy),
    (position.speedMps * 3.6).toFixed(1),
    String(((Math.round(position.headingDeg) % 360) + 360) % 360),
    position.altitudeM.toFixed(1),
    position.lonDeg.toFixed(6),
    position.latDeg.toFixed(6),
    timeText(position.timeMs),
    ...["0240", "0001", hex16(lac), cid > 0xffff ? cid.toString(16).toUpperCase().padStart(8, "0") : hex16(cid)],
  ];
}

/** A HEX message around a body that starts with the message type: appends CRC and `0D0A`. */
export function hexMessage(head: string, typeToCount: Uint8Array): Uint8Array {
  const crc = crc16(typeToCount, 0, typeToCount.length);
  return Uint8Array.from([0x2b, ...Buffer.from(head, "latin1"), ...typeToCount, crc >> 8, crc & 0xff, 0x0d, 0x0a]);
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 19).replaceAll(/[-:T]/g, "");
}

function hex16(value: number): string {
  return (value & 0xffff).toString(16).toUpperCase().padStart(4, "0");
}

function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
