import type { Element, ProfileElement } from "./profile.ts";

/** An element as decoding wants it. */
export function elementOf(written: ProfileElement): Element {
  const { id, name, kind, bytes, signed, scale = 1, offset, unit, values, faults, bits, layout, order, sets } = written;
  return {
    id,
    name,
    kind,
    width: bytes === "variable" ? 0 : (bytes ?? null),
    signed: signed ?? false,
    factor: Math.max(scale, 1),
    divisor: scale >= 1 ? 1 : Math.round(1e9 / scale) / 1e9,
    offset: offset ?? 0,
    unit: unit ?? null,
    values: wordsOf(values),
    faults: wordsOf(faults),
    bits: bits ? Object.entries(bits).map(([bit, bitName]) => [Number(bit), bitName]) : null,
    layout: layout ?? null,
    reversed: order === "little",
    setsSpeed: sets === "speedMps",
    about: written.about ?? "",
  };
}

function wordsOf(words: { readonly [raw: string]: string } | undefined): ReadonlyMap<number, string> | null {
  return words ? new Map(Object.entries(words).map(([raw, word]) => [Number(raw), word])) : null;
}
