import { kindOf, queclinkMasks } from "#firmware-profiles/queclink/index.ts";
import type { Attributes, Report } from "../decoder.ts";
import { readField } from "./layout-reader.ts";

/** Kinds whose shape alone says what a field is, whatever the report: tried where no layout fits. */
const RECOGNISED: readonly { name: string; kind: string }[] = [
  { name: "odometer", kind: "kilometres" },
  { name: "engine.runtime", kind: "hourMeter" },
];

const STATUS = /^(11|12|21|22|41|42|16|1A)([0-9A-Fa-f]{4}|[0-9A-Fa-f]{8})$/;

/** Keeps the fields of a part that no layout knows, and reads the ones that can't be mistaken. */
export function readUnknown(attributes: Attributes, part: string, fields: readonly string[]): void {
  if (fields.every((field) => field === "")) return;
  attributes[`fields.${part}`] = [...fields];
  if (part !== "tail") return;
  for (const { name, kind } of RECOGNISED) {
    const shape = kindOf(kind);
    const found = fields.find((field) => shape.pattern.test(field));
    if (found !== undefined) readField(attributes, name, shape, found);
  }
  const statusAt = fields.findIndex((field) => STATUS.test(field));
  if (statusAt < 0) return;
  readField(attributes, "status", kindOf("deviceStatus"), fields[statusAt]!);
  const battery = fields[statusAt - 1] ?? "";
  const percent = kindOf("percent");
  if (percent.pattern.test(battery)) readField(attributes, "battery.level", percent, battery);
}

const MASK = /^([0-9A-Fa-f]{2}|[0-9A-Fa-f]{4})$/;
const ODOMETER = kindOf("kilometres").pattern;

/**
 * Takes the reserved field, or the position append mask with its items, off a tail. A mask must leave an odometer or an
 * empty field behind, else the field is something else. Source: GV310LAU and GV58LAU notes.
 */
export function splitAppend(report: Report, tail: readonly string[]): readonly string[] {
  const first = tail[0];
  if (first === undefined) return tail;
  if (first === "" || /^0+$/.test(first)) return tail.slice(1);
  if (!MASK.test(first)) return tail;
  const mask = Number.parseInt(first, 16);
  const bits = queclinkMasks.append.filter(({ bit }) => (mask >> bit) & 1);
  const after = tail[1 + bits.length];
  const wholeMask = mask < 1 << queclinkMasks.append.length;
  if (!wholeMask || after === undefined || (after !== "" && !ODOMETER.test(after)))
    return tail.length > 1 ? tail.slice(1) : tail;
  for (const [index, { name }] of bits.entries()) readAppended(report, name, tail[1 + index]!);
  return tail.slice(1 + bits.length);
}

function readAppended(report: Report, name: string, text: string): void {
  const value = Number(text);
  if (text === "" || !Number.isFinite(value)) return;
  if (name === "satellites") report.satellites = value;
  else if (name === "hdop") report.hdop = value;
  else report.attributes[name] = value;
}
