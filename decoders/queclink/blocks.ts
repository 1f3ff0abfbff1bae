import { queclinkMasks } from "#firmware-profiles/queclink/index.ts";
import type { Attributes } from "../decoder.ts";
import { readCan } from "./can-block.ts";
import { type ReadPart, tidy } from "./layout-reader.ts";

/**
 * The structures behind a layout's fields, in their order; what they leave is kept as `fields.rest`.
 * Source: GV200 @Track air interface protocol 3; GV310LAU, GV350CEU and GV58LAU notes on GTERI.
 */
export function readBlocks(attributes: Attributes, { layout, rest }: ReadPart): void {
  let fields = rest;
  for (const block of layout.blocks) {
    if (block === "can") fields = readCan(attributes, fields);
    else if (block === "accessory") fields = readAccessory(attributes, fields);
    else if (block === "eri") fields = readEri(attributes, fields);
  }
  if (fields.some((field) => field !== "")) attributes["fields.rest"] = [...fields];
}

const FUEL = 1;
const ONE_WIRE = 2;
const CAN = 4;
const ACCESSORIES = 0x100;

/** The blocks of GTERI that its mask names, lowest bit first. */
function readEri(attributes: Attributes, fields: readonly string[]): readonly string[] {
  const mask = Number.parseInt(String(attributes["eri.mask"] ?? "0"), 16);
  let rest = fields;
  if (mask & FUEL) rest = readFuel(attributes, rest);
  if (mask & ONE_WIRE) rest = readOneWire(attributes, rest);
  if (mask & CAN) rest = readEriCan(attributes, rest);
  if (mask & ACCESSORIES) rest = readAccessories(attributes, rest);
  return rest;
}

/** The raw number of a digital fuel sensor: alone, or behind a count, a number and a type. */
function readFuel(attributes: Attributes, fields: readonly string[]): readonly string[] {
  const listed = fields.length >= 4 && fields.slice(0, 3).every((field) => /^\d$/.test(field));
  const at = listed ? 3 : 0;
  const text = fields[at] ?? "";
  if (text !== "" && !/^[0-9A-Fa-f]{4,8}$/.test(text)) return fields;
  if (text !== "") attributes["fuel.sensor.1"] = Number.parseInt(text, 16);
  return fields.slice(at + 1);
}

const SENSORS_MAX = 19;
const TEMPERATURE_TYPE = "1";
const DEGREES_PER_STEP = 0.0625;

/** A count, then id, type and data of each sensor on the 1-wire bus. Temperatures are two's complement in 1/16 °C. */
function readOneWire(attributes: Attributes, fields: readonly string[]): readonly string[] {
  const count = Number(fields[0]);
  if (fields[0] === "" || !Number.isInteger(count) || count < 0 || count > SENSORS_MAX) return fields;
  const end = 1 + 3 * count;
  if (fields.length < end) return fields;
  for (let index = 0; index < count; index++) {
    const [id, type, data] = fields.slice(1 + 3 * index, 4 + 3 * index);
    attributes[`temperature.${index + 1}.sensor`] = id!;
    if (type !== TEMPERATURE_TYPE || !/^[0-9A-Fa-f]{4}$/.test(data!)) continue;
    const raw = (Number.parseInt(data!, 16) << 16) >> 16;
    attributes[`temperature.${index + 1}`] = raw * DEGREES_PER_STEP;
  }
  return fields.slice(end);
}

function readEriCan(attributes: Attributes, fields: readonly string[]): readonly string[] {
  const [type, state, mask] = fields;
  if (type === undefined || state === undefined) return fields;
  attributes["can.state"] = state === "1";
  return /^[0-9A-Fa-f]{8}$/.test(mask ?? "") ? readCan(attributes, fields.slice(2)) : fields.slice(2);
}

const ACCESSORIES_MAX = 10;

/** A count, then index, type, model, raw data and, behind an append mask, what the accessory says of itself. */
function readAccessories(attributes: Attributes, fields: readonly string[]): readonly string[] {
  const count = Number(fields[0]);
  if (fields[0] === "" || !Number.isInteger(count) || count < 0 || count > ACCESSORIES_MAX) return fields;
  const devices: Attributes[] = [];
  let rest: readonly string[] = fields.slice(1);
  for (let index = 1; index <= count; index++) {
    const device: Attributes = {};
    const [slot, type, model, raw] = rest;
    // Some firmware puts a field of its own between raw data and mask.
    const maskAt = [4, 5].find((at) => /^[0-9A-Fa-f]{4}$/.test(rest[at] ?? ""));
    if (maskAt === undefined) break;
    Object.assign(device, { index: slot!, type: type!, model: model!, ...(raw === "" ? {} : { raw: raw! }) });
    rest = readMasked(device, rest.slice(maskAt));
    devices.push(device);
    copyReading(attributes, device, index);
  }
  if (devices.length > 0) attributes["ble.devices"] = devices;
  return rest;
}

/** The one accessory that GTBAA and GTBID are about. */
function readAccessory(attributes: Attributes, fields: readonly string[]): readonly string[] {
  const device: Attributes = {};
  const rest = readMasked(device, fields);
  attributes["ble.devices"] = [device];
  copyReading(attributes, device, 1);
  return rest;
}

function copyReading(attributes: Attributes, device: Attributes, index: number): void {
  const temperature = device["temperature.enhanced"] ?? device.temperature;
  if (temperature !== undefined) attributes[`ble.temperature.${index}`] = temperature;
  if (device.humidity !== undefined) attributes[`ble.humidity.${index}`] = device.humidity;
}

/** Reads the mask in the first field and the fields that its bits announce; returns what is left. */
function readMasked(device: Attributes, fields: readonly string[]): readonly string[] {
  const mask = Number.parseInt(fields[0] ?? "", 16);
  if (!Number.isInteger(mask)) return fields;
  let at = 1;
  for (const { bit, fields: names } of queclinkMasks.accessory) {
    if (((mask >> bit) & 1) === 0) continue;
    for (const { name, read } of names) {
      const text = fields[at++] ?? "";
      const value = Number(text);
      if (text === "") continue;
      if (read === "text" || !Number.isFinite(value)) device[name] = text;
      else device[name] = read === "millivolts" ? tidy(value / 1000) : value;
    }
  }
  return fields.slice(at);
}
