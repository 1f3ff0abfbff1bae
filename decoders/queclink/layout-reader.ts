import {
  type FieldKind,
  type Layout,
  type LayoutPart,
  layoutsOf,
  queclinkCodes,
} from "#firmware-profiles/queclink/index.ts";
import type { Attributes } from "../decoder.ts";
import { timeOf } from "./ascii-text.ts";

/** What the fields of a part meant, and what the layout left for its blocks. */
export type ReadPart = { layout: Layout; rest: readonly string[] };

/**
 * The reader of every layout: takes the first one that the fields fit, by number and by shape, and writes its values down.
 * A layout with blocks takes any number of further fields. Undefined where none fits.
 */
export function readPart(
  attributes: Attributes,
  part: LayoutPart,
  report: string,
  deviceType: string,
  fields: readonly string[],
): ReadPart | undefined {
  const layout = layoutsOf(part, report, deviceType).find((candidate) => fits(candidate, fields));
  if (!layout) return undefined;
  for (const [index, field] of layout.fields.entries()) {
    const text = fields[index]!;
    if (field && text !== "") readField(attributes, field.name, field.kind, text);
  }
  return { layout, rest: fields.slice(layout.fields.length) };
}

function fits({ fields: expected, blocks }: Layout, fields: readonly string[]): boolean {
  if (fields.length < expected.length) return false;
  if (fields.length > expected.length && blocks.length === 0) return false;
  return expected.every((field, index) => {
    const text = fields[index]!;
    if (field === null) return true;
    return text === "" ? field.kind.required !== true : field.kind.pattern.test(text);
  });
}

/** Writes one value under its name; kinds that say more than one thing write several attributes. */
export function readField(attributes: Attributes, name: string, kind: FieldKind, text: string): void {
  switch (kind.read) {
    case "number": {
      const value = Number(text) * (kind.scale ?? 1);
      if (Number.isFinite(value)) attributes[name] = tidy(value);
      return;
    }
    case "flag":
      attributes[name] = text === "1";
      return;
    case "time":
      attributes[name] = isoTime(text);
      return;
    case "clock":
      attributes[name] = clockSeconds(text);
      return;
    case "analog":
      if (text.startsWith("F")) attributes["fuel.level"] = Number(text.slice(1));
      else attributes[name] = Number(text) / 1000;
      return;
    case "state":
      readState(attributes, text);
      return;
    case "deviceStatus":
      readDeviceStatus(attributes, text);
      return;
    case "inputs":
      readBits(attributes, "input", Number.parseInt(text, 16));
      return;
    case "outputs":
      readBits(attributes, "output", Number.parseInt(text, 16));
      return;
    case "idAndType":
      attributes["report.id"] = text.length === 2 ? text[0]! : "";
      attributes["report.type"] = text.at(-1)!;
      return;
    default:
      attributes[name] = text;
  }
}

/** Two digits of what the vehicle does: ignition and motion. */
export function readState(attributes: Attributes, code: string): void {
  attributes["state.code"] = code;
  const state = queclinkCodes.states.get(code.toUpperCase());
  if (!state) return;
  if (state.ignition !== null) attributes.ignition = state.ignition;
  attributes.motion = state.motion;
  if (state.towing) attributes.towing = true;
}

/** State, inputs and outputs: one byte each, or inputs and outputs of two bytes; the state may stand alone. */
function readDeviceStatus(attributes: Attributes, text: string): void {
  readState(attributes, text.slice(0, 2));
  const width = (text.length - 2) / 2;
  if (width === 0) return;
  readBits(attributes, "input", Number.parseInt(text.slice(2, 2 + width), 16));
  readBits(attributes, "output", Number.parseInt(text.slice(2 + width), 16));
}

/**
 * Bit 0 of the inputs is the ignition line, where the state has not said it; `output.1` is bit 0 of the outputs. Names
 * written out: as keys from a list they took a tenth of the decoding time.
 */
export function readBits(attributes: Attributes, kind: "input" | "output", bits: number): void {
  if (kind === "output") {
    attributes["output.1"] = (bits & 1) !== 0;
    attributes["output.2"] = (bits & 2) !== 0;
    attributes["output.3"] = (bits & 4) !== 0;
    return;
  }
  if (attributes.ignition === undefined) attributes.ignition = (bits & 1) !== 0;
  attributes["input.1"] = (bits & 2) !== 0;
  attributes["input.2"] = (bits & 4) !== 0;
  attributes["input.3"] = (bits & 8) !== 0;
  attributes["input.4"] = (bits & 16) !== 0;
}

function clockSeconds(text: string): number {
  const [hours, minutes, seconds] = text.split(":").map(Number);
  return hours! * 3600 + minutes! * 60 + seconds!;
}

function isoTime(text: string): string {
  const timeMs = timeOf(text);
  return timeMs === null ? text : new Date(timeMs).toISOString();
}

/** Ends the tail of digits that scaling a decimal number grows. */
export function tidy(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
