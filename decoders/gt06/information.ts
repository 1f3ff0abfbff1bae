import type { Report } from "../decoder.ts";
import { bcdText, readUint16, readUint32 } from "./frame.ts";

/**
 * Information transmission (0x94): a type, then data of that type. What has no name of ours is kept as hex.
 * Source: JM-VL03 communication protocol 1.1.2, information transmission packet.
 */
export function readInformation(report: Report, content: Uint8Array): void {
  const { attributes } = report;
  const type = content[0];
  const data = content.subarray(1);
  if (type === 0x00 && data.length >= 2) attributes["external.voltage"] = readUint16(data, 0) / 100;
  else if (type === 0x04) attributes["status.text"] = asciiText(data);
  else if (type === 0x05 && data.length >= 1) attributes.door = (data[0]! & 0x01) !== 0;
  else if (type === 0x0a && data.length >= 26) readSimCard(report, data);
  else if (type === 0x0d) readSensorText(report, asciiText(data));
  else if (type === 0x1b) attributes["driver.id"] = asciiText(data).replace(/^RFID:/, "");
  else if (type === 0x1e && data.length >= 8) readClimate(report, data);
  else if (type !== undefined) {
    attributes["information.type"] = type;
    attributes["information.data"] = Buffer.from(data).toString("hex");
  }
}

/** IMEI 8, IMSI 8, ICCID 10, all BCD; unused nibbles are padded with F or 0 in front. */
function readSimCard(report: Report, data: Uint8Array): void {
  report.attributes.imsi = bcdText(data, 8, 8).replace(/^0/, "").replace(/f+$/, "");
  report.attributes.iccid = bcdText(data, 16, 10).replace(/f+$/, "");
}

/** Tenths of a degree (sign in bit 15) and tenths of a per cent of humidity. */
function readClimate(report: Report, data: Uint8Array): void {
  const temperature = readUint16(data, 2);
  report.attributes["temperature.1"] = (temperature & 0x8000 ? -(temperature & 0x7fff) : temperature) / 10;
  report.attributes["humidity.1"] = (readUint32(data, 4) & 0xffff) / 10;
}

/** A fuel probe on the serial port: `!AIOIL,address,length,temperature,…,fuel level,…`. */
function readSensorText(report: Report, text: string): void {
  report.attributes["serial.text"] = text;
  const parts = text.split(",");
  if (!parts[0]?.includes("AIOIL")) return;
  const temperature = Number(parts[3]);
  const level = Number(parts[6]);
  if (Number.isFinite(temperature)) report.attributes["temperature.1"] = temperature;
  if (Number.isFinite(level)) report.attributes["fuel.level"] = level;
}

/** Printable characters of a text; whatever else a device puts in becomes a space. */
export function asciiText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString("latin1")
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .trim();
}

/** The number of a SIM card in a text such as `<ICCID:8988…>`. */
export function iccidOf(text: string): string | undefined {
  return /ICCID:(\w{15,22})/.exec(text)?.[1];
}
