import type { MatchFix } from "./match-fix.ts";

/** Fixes that late ones are matched together with: minutes of a drive. */
export const RECENT_FIXES_MAX = 24;
/** A fix is remembered when it is this far from the last one remembered, or this much later. */
const APART_E7 = 1_000;
const APART_MS = 30_000;

/*
 * 26 bytes a fix, little endian: timeMs f64 · latE7 i32 · lonE7 i32 · speed f32 (m/s) · heading u16 (0.01°) · accuracy f32 (m);
 * NaN, and 65535 for the heading, where the device says nothing.
 */
const FIX_BYTES = 26;
const NO_HEADING = 65_535;

/** The newest fixes of a device, oldest first, packed. */
export class RecentFixes {
  readonly #bytes = new Uint8Array((RECENT_FIXES_MAX + 1) * FIX_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  #count = 0;

  /** Takes the place of what was there. */
  load(bytes: Uint8Array): void {
    this.#bytes.set(bytes);
    this.#count = bytes.length / FIX_BYTES;
  }

  save(): Uint8Array {
    return this.#bytes.slice(0, this.#count * FIX_BYTES);
  }

  /** Remembers a fix, in its place by time, unless it adds nothing. Of too many the oldest is forgotten. */
  add(fix: MatchFix): void {
    let at = this.#count;
    while (at > 0 && this.#timeMs(at - 1) > fix.timeMs) at--;
    if (at === this.#count && at > 0 && !this.#isApart(at - 1, fix)) return;
    this.#bytes.copyWithin((at + 1) * FIX_BYTES, at * FIX_BYTES, this.#count * FIX_BYTES);
    this.#write(at, fix);
    if (this.#count < RECENT_FIXES_MAX) this.#count++;
    else this.#bytes.copyWithin(0, FIX_BYTES, (RECENT_FIXES_MAX + 1) * FIX_BYTES);
  }

  /** Oldest first. */
  all(): MatchFix[] {
    return Array.from({ length: this.#count }, (_, index) => this.#read(index));
  }

  #timeMs(index: number): number {
    return this.#view.getFloat64(index * FIX_BYTES, true);
  }

  #isApart(index: number, { timeMs, lat, lon }: MatchFix): boolean {
    const at = index * FIX_BYTES;
    if (timeMs - this.#view.getFloat64(at, true) >= APART_MS) return true;
    const latE7 = Math.abs(this.#view.getInt32(at + 8, true) - lat * 1e7);
    return latE7 + Math.abs(this.#view.getInt32(at + 12, true) - lon * 1e7) >= APART_E7;
  }

  #write(index: number, { timeMs, lat, lon, speedMps, headingDeg, accuracyM }: MatchFix): void {
    const at = index * FIX_BYTES;
    const view = this.#view;
    view.setFloat64(at, timeMs, true);
    view.setInt32(at + 8, Math.round(lat * 1e7), true);
    view.setInt32(at + 12, Math.round(lon * 1e7), true);
    view.setFloat32(at + 16, speedMps, true);
    view.setUint16(at + 20, headingDeg >= 0 ? Math.round(headingDeg * 100) % 36_000 : NO_HEADING, true);
    view.setFloat32(at + 22, accuracyM, true);
  }

  #read(index: number): MatchFix {
    const at = index * FIX_BYTES;
    const view = this.#view;
    const heading = view.getUint16(at + 20, true);
    return {
      timeMs: view.getFloat64(at, true),
      lat: view.getInt32(at + 8, true) / 1e7,
      lon: view.getInt32(at + 12, true) / 1e7,
      speedMps: view.getFloat32(at + 16, true),
      headingDeg: heading === NO_HEADING ? Number.NaN : heading / 100,
      accuracyM: view.getFloat32(at + 22, true),
    };
  }
}
