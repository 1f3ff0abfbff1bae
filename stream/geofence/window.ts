import { Packed, unpacked } from "../packed.ts";

/** Fix id, time (Unix ms), how much earlier the fences that judge it are (ms), latitude, longitude (degrees), sigma (m), flags. */
export type Entry = readonly [number, number, number, number, number, number, number];

/** Entries in the order of time, packed: as numbers in JSON they would be most of what a device's state costs. */
export type Window = Packed | string;

/** What lay between the one before and this entry was looked at already, and nothing happened. */
export const COVERED = 1;
/** Nothing happened and nothing is open: a stretch of such entries may be thinned out. */
export const QUIET = 2;

/** Fixes further apart than this are no quiet stretch: late ones may come between them. */
const STRETCH_GAP_MS_MAX = 120_000;
/** A gap of this length may be an outage whose fixes are still to come, for as long as this after it. */
const GAP_MS_MIN = 60_000;
const GAP_AGE_MS_MAX = 3_600_000;

/*
 * 31 bytes an entry, little endian: fix id f64 · timeMs f64 · aheadMs u32 · latE7 i32 · lonE7 i32 · sigma u16 (0.1 m) · flags u8.
 * `placeOf` rounds to what fits, so nothing is lost.
 */
const ENTRY_BYTES = 31;
const TIME_AT = 8;
const AHEAD_AT = 16;
const LAT_AT = 20;
const LON_AT = 24;
const SIGMA_AT = 28;
const FLAGS_AT = 30;

export const emptyWindow: Window = new Packed(new Uint8Array());

export function lengthOf(window: Window): number {
  return unpacked(window).length / ENTRY_BYTES;
}

/** The entries, or as many of the oldest. */
export function entriesOf(window: Window, count = lengthOf(window)): Entry[] {
  const view = viewOf(unpacked(window));
  return Array.from({ length: count }, (_, index) => readEntry(view, index * ENTRY_BYTES));
}

export function windowOf(entries: readonly Entry[]): Window {
  const bytes = new Uint8Array(entries.length * ENTRY_BYTES);
  const view = viewOf(bytes);
  entries.forEach((entry, index) => {
    writeEntry(view, index * ENTRY_BYTES, entry);
  });
  return new Packed(bytes);
}

/** Appends an entry, taking out the middle of a quiet stretch. */
export function pushed(window: Window, entry: Entry): Window {
  const before = unpacked(window);
  const thins = extendsStretch(before, entry);
  const kept = thins ? before.length - ENTRY_BYTES : before.length;
  const bytes = new Uint8Array(kept + ENTRY_BYTES);
  bytes.set(thins ? before.subarray(0, kept) : before);
  writeEntry(viewOf(bytes), kept, thins ? asThinned(entry) : entry);
  return new Packed(bytes);
}

/**
 * How many of the `count` oldest entries come before the first gap in which late ones may still be missing. `beforeMs`: time of
 * the fix before the window.
 */
export function countBeforeGap(window: Window, count: number, beforeMs: number | undefined): number {
  const bytes = unpacked(window);
  const view = viewOf(bytes);
  const sinceMs = view.getFloat64(bytes.length - ENTRY_BYTES + TIME_AT, true) - GAP_AGE_MS_MAX;
  let lastMs = beforeMs ?? Number.NEGATIVE_INFINITY;
  for (let index = 0; index < count; index++) {
    const at = index * ENTRY_BYTES;
    const timeMs = view.getFloat64(at + TIME_AT, true);
    const isGap = Number.isFinite(lastMs) && timeMs - lastMs >= GAP_MS_MIN && (bytes[at + FLAGS_AT]! & COVERED) === 0;
    if (isGap && timeMs >= sinceMs) return index;
    lastMs = timeMs;
  }
  return count;
}

/** The window without its first entries. */
export function withoutOldest(window: Window, count: number): Window {
  return new Packed(unpacked(window).slice(count * ENTRY_BYTES));
}

function extendsStretch(bytes: Uint8Array, [, timeMs, , , , , flags]: Entry): boolean {
  if (bytes.length < 2 * ENTRY_BYTES || (flags & QUIET) === 0) return false;
  const last = bytes.length - ENTRY_BYTES;
  const lastFlags = bytes[last + FLAGS_AT]!;
  if ((lastFlags & QUIET) === 0) return false;
  const view = viewOf(bytes);
  const lastMs = view.getFloat64(last + TIME_AT, true);
  if ((flags & COVERED) === 0 && timeMs - lastMs > STRETCH_GAP_MS_MAX) return false;
  const beforeMs = view.getFloat64(last - ENTRY_BYTES + TIME_AT, true);
  return (lastFlags & COVERED) !== 0 || lastMs - beforeMs <= STRETCH_GAP_MS_MAX;
}

function asThinned([fixId, timeMs, aheadMs, latDeg, lonDeg, sigmaM]: Entry): Entry {
  return [fixId, timeMs, aheadMs, latDeg, lonDeg, sigmaM, QUIET | COVERED];
}

function writeEntry(view: DataView, at: number, [fixId, timeMs, aheadMs, latDeg, lonDeg, sigmaM, flags]: Entry): void {
  view.setFloat64(at, fixId, true);
  view.setFloat64(at + TIME_AT, timeMs, true);
  view.setUint32(at + AHEAD_AT, aheadMs, true);
  view.setInt32(at + LAT_AT, Math.round(latDeg * 1e7), true);
  view.setInt32(at + LON_AT, Math.round(lonDeg * 1e7), true);
  view.setUint16(at + SIGMA_AT, Math.round(sigmaM * 10), true);
  view.setUint8(at + FLAGS_AT, flags);
}

function readEntry(view: DataView, at: number): Entry {
  return [
    view.getFloat64(at, true),
    view.getFloat64(at + TIME_AT, true),
    view.getUint32(at + AHEAD_AT, true),
    view.getInt32(at + LAT_AT, true) / 1e7,
    view.getInt32(at + LON_AT, true) / 1e7,
    view.getUint16(at + SIGMA_AT, true) / 10,
    view.getUint8(at + FLAGS_AT),
  ];
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
