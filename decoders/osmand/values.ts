import type { Attributes, AttributeValue } from "../decoder.ts";

/** Longest name of an attribute that a phone may invent, in characters, and how many of them a report keeps. */
const NAME_CHARACTERS_MAX = 64;
const UNKNOWN_ATTRIBUTES_MAX = 100;

/** Keeps a value that has no name of ours under `osmand.<key>`. */
export function keepUnknown(attributes: Attributes, name: string, value: AttributeValue): void {
  if (name.length === 0 || name.length > NAME_CHARACTERS_MAX) return;
  if (Object.keys(attributes).length < UNKNOWN_ATTRIBUTES_MAX) attributes[`osmand.${name}`] = value;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/;

/** A decimal number, NaN where the text is none or has no finite value. */
export function numberFrom(text: string): number {
  const trimmed = text.trim();
  const value = NUMBER.test(trimmed) ? Number(trimmed) : Number.NaN;
  return Number.isFinite(value) ? value : Number.NaN;
}

/** Unix times below this are seconds, above it milliseconds. */
const SECONDS_BELOW = 2 ** 31;
/** Farthest moment that a date can hold, in milliseconds. */
const TIME_MS_MAX = 8.64e15;
const DATE_TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?) *(Z|[+-]\d\d:?\d\d)?$/;

/** Unix seconds, Unix milliseconds, ISO 8601, or `yyyy-MM-dd HH:mm:ss`, which is UTC. Null where it is none of them. */
export function timeFrom(text: string): number | null {
  const number = numberFrom(text);
  if (Number.isFinite(number)) {
    const timeMs = Math.round(Math.abs(number) < SECONDS_BELOW ? number * 1000 : number);
    return Math.abs(timeMs) <= TIME_MS_MAX ? timeMs : null;
  }
  const [, date, time, zone] = DATE_TIME.exec(text.trim()) ?? [];
  if (date === undefined) return null;
  const timeMs = Date.parse(`${date}T${time}${zone ?? "Z"}`);
  return Number.isFinite(timeMs) ? timeMs : null;
}
