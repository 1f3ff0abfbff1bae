import type { Element, Profile } from "#firmware-profiles";
import type { Attributes, AttributeValue } from "../decoder.ts";
import { type RecordColumns, valueBytes } from "./columns.ts";
import { LAYOUT_READERS } from "./sensor-lists.ts";
import { hexOf, printableText, uint64Digits } from "./values.ts";

/**
 * Turns one element of a record into attributes, as the profile says. What the profile does not know, or knows with
 * another width, stays `io.<id>` with its raw value: the wire alone says how many bytes there are. Answers with the
 * element where the profile gave its meaning.
 */
export function putElement(
  attributes: Attributes,
  profile: Profile,
  columns: RecordColumns,
  row: number,
  frame: Uint8Array,
): Element | undefined {
  const id = columns.elementId[row]!;
  const element = profile.elements.get(id);
  if (element === undefined) {
    attributes[unknownName(id)] = rawValue(columns, row, frame);
    return undefined;
  }
  if (!hasWidth(element, columns, row)) {
    attributes[unknownName(id)] = rawValue(columns, row, frame);
    attributes[`io.${id}.width`] = valueBytes(columns, row);
    return undefined;
  }
  putKnown(attributes, element, columns, row, frame);
  return element;
}

/** The names that `putElement` sets for an element, whatever its value; undefined where they depend on it. */
export function namesOf(profile: Profile, columns: RecordColumns, row: number): readonly string[] | undefined {
  const id = columns.elementId[row]!;
  const element = profile.elements.get(id);
  if (element === undefined) return [unknownName(id)];
  if (!hasWidth(element, columns, row)) return [unknownName(id), `io.${id}.width`];

  if (element.kind === "bits") return (element.bits ?? []).map(([, name]) => name);
  return element.kind === "text" || element.kind === "layout" ? undefined : [element.name];
}

/** Names of elements that no profile knows, kept because putting one together and finding it again takes 100 ns. */
const unknownNames = new Map<number, string>();

function unknownName(id: number): string {
  let name = unknownNames.get(id);
  if (name === undefined) {
    name = `io.${id}`;
    unknownNames.set(id, name);
  }
  return name;
}

function hasWidth(element: Element, columns: RecordColumns, row: number): boolean {
  const width = columns.elementWidth[row]!;
  return element.width === null ? width > 0 && width <= 8 : element.width === width;
}

function putKnown(
  attributes: Attributes,
  element: Element,
  columns: RecordColumns,
  row: number,
  frame: Uint8Array,
): void {
  const { name } = element;
  const unsigned = columns.elementValue[row]!;
  switch (element.kind) {
    case "number":
      putNumber(attributes, element, signedValue(element, unsigned, columns.elementWidth[row]!));
      return;
    case "flag":
      attributes[name] = unsigned !== 0;
      return;
    case "enum":
      attributes[name] = element.values?.get(unsigned) ?? unsigned;
      return;
    case "bits":
      putBits(attributes, element, unsigned);
      return;
    case "digits":
      attributes[name] = rawValue(columns, row, frame).toString();
      return;
    case "text":
    case "hex":
    case "layout":
      putBytes(attributes, element, columns, row, frame);
  }
}

function putNumber(attributes: Attributes, element: Element, raw: number): void {
  const fault = element.faults?.get(raw);
  attributes[element.name] = fault === undefined ? scaled(element, raw) : null;
  if (fault !== undefined) attributes[`${element.name}.fault`] = fault;
}

function scaled({ factor, divisor, offset }: Element, raw: number): number {
  const value = (raw * factor) / divisor;
  return offset === 0 ? value : Math.round((value + offset) * 1e6) / 1e6;
}

function signedValue(element: Element, unsigned: number, width: number): number {
  if (!element.signed) return unsigned;
  const range = 2 ** (width * 8);
  return unsigned >= range / 2 ? unsigned - range : unsigned;
}

function putBits(attributes: Attributes, element: Element, unsigned: number): void {
  for (const [bit, name] of element.bits ?? []) attributes[name] = Math.floor(unsigned / 2 ** bit) % 2 === 1;
}

function putBytes(
  attributes: Attributes,
  element: Element,
  columns: RecordColumns,
  row: number,
  frame: Uint8Array,
): void {
  const start = columns.elementAt[row]!;
  const end = start + valueBytes(columns, row);
  if (element.kind === "hex") {
    const none = columns.elementWidth[row] === 8 && columns.elementValue[row] === 0;
    attributes[element.name] = none
      ? null
      : element.reversed
        ? reversedHex(frame, start, end)
        : hexOf(frame, start, end);
    return;
  }
  const value =
    element.kind === "text"
      ? printableText(frame.subarray(start, end))
      : LAYOUT_READERS[element.layout ?? ""]?.(frame, start, end);
  if (value !== undefined) attributes[element.name] = value;
  else {
    attributes[`io.${element.id}`] = hexOf(frame, start, end);
    attributes[`${element.name}.fault`] = "unreadable";
  }
}

function reversedHex(frame: Uint8Array, start: number, end: number): string {
  return Buffer.from(frame.subarray(start, end)).reverse().toString("hex");
}

/** Unsigned number; decimal digits where a number would not be exact; hex where the element is longer or variable. */
function rawValue(columns: RecordColumns, row: number, frame: Uint8Array): number | string {
  const width = columns.elementWidth[row]!;
  const at = columns.elementAt[row]!;
  if (width === 0 || width > 8) return hexOf(frame, at, at + valueBytes(columns, row));
  const value = columns.elementValue[row]!;
  return value > Number.MAX_SAFE_INTEGER ? uint64Digits(frame, at) : value;
}

/**
 * The event of a record by the element that caused it: `ignition.on`, `trip.started`, `driving.harsh.braking`, the name
 * alone where the element has neither words nor two states, `io.<id>` where the profile does not know it.
 */
export function eventOf(profile: Profile, eventId: number, attributes: Attributes): string | null {
  if (eventId === 0) return null;
  const element = profile.elements.get(eventId);
  if (!element) return `io.${eventId}`;
  return `${element.name}${stateSuffix(element, attributes[element.name])}`;
}

function stateSuffix(element: Element, value: AttributeValue | undefined): string {
  if (element.kind === "flag" && typeof value === "boolean") return value ? ".on" : ".off";
  if (element.kind === "enum" && typeof value === "string") return `.${value}`;
  return "";
}
