import type { Fix, Stage } from "../stage.ts";
import { isLeap, substituted } from "./clock.ts";

/** Reports with an unusable clock whose resent copies are still recognised, per device. */
export const UNCLOCKED_RECENT_MAX = 64;

/** Whether a fix of this device with this time (Unix ms) and fingerprint is stored already. */
export type IsKnown = (fixTimeMs: number, fingerprint: number) => boolean;

export type OrderState = {
  /** Newest device time accepted, Unix milliseconds; null before the first. */
  watermarkMs: number | null;
  /** Newest last: [device time, fingerprint] of reports whose clock was replaced by the time of receipt. */
  unclocked: readonly (readonly [number, number])[];
};

export type OrderInput = { fixes: readonly Fix[]; isKnown: IsKnown };

export type OrderOutput = { kind: "accepted"; fix: Fix } | { kind: "duplicate"; fix: Fix };

export const orderInitial: OrderState = { watermarkMs: null, unclocked: [] };

/**
 * Puts the fixes of one frame in order of time (devices send newest first or oldest first), drops what is stored
 * already and flags what is older than the newest fix accepted before. Fixes dated by the time of receipt never move
 * the watermark: our clock runs ahead of the device's by the time of transmission. Those whose clock has leapt ahead are
 * dated so, too.
 */
export const order: Stage<OrderState, OrderInput, OrderOutput> = (state, { fixes, isKnown }) => {
  let watermarkMs = state.watermarkMs;
  let unclocked = state.unclocked;
  const outputs: OrderOutput[] = [];
  for (const fix of sortedByTime(withoutLeaps(fixes, state.watermarkMs))) {
    if (isRepeated(outputs, fix) || resent(unclocked, fix) || isKnown(fix.fixTimeMs, fix.fingerprint)) {
      outputs.push({ kind: "duplicate", fix });
      continue;
    }
    const late = fix.dated && watermarkMs !== null && fix.fixTimeMs < watermarkMs;
    if (fix.dated && !late) watermarkMs = fix.fixTimeMs;
    if (fix.deviceTimeMs !== null && !fix.dated) {
      unclocked = [...unclocked, [fix.deviceTimeMs, fix.fingerprint] as const].slice(-UNCLOCKED_RECENT_MAX);
    }
    outputs.push({ kind: "accepted", fix: late ? { ...fix, late } : fix });
  }
  return { state: { watermarkMs, unclocked }, outputs };
};

/** A fix newer than all before can't be stored already: only the others need to be looked up. */
export function needsLookup(watermarkMs: number | null, fix: Fix): boolean {
  return !fix.dated || (watermarkMs !== null && fix.fixTimeMs <= watermarkMs);
}

/** Fixes whose clock has leapt ahead take the time of receipt; the wrong time is kept beside it. */
function withoutLeaps(fixes: readonly Fix[], watermarkMs: number | null): readonly Fix[] {
  const leapt = (fix: Fix) => fix.dated && isLeap(fix.fixTimeMs, fix.receivedAtMs, watermarkMs);
  if (!fixes.some(leapt)) return fixes;
  return fixes.map((fix) => (leapt(fix) ? { ...fix, ...substituted("future", fix.fixTimeMs, fix.receivedAtMs) } : fix));
}

/** Received again, a report with an unusable clock gets another time: its own wrong time and its bytes identify it. */
function resent(unclocked: OrderState["unclocked"], fix: Fix): boolean {
  if (unclocked.length === 0) return false;
  const ownMs = ownTimeMs(fix);
  return unclocked.some(([timeMs, fingerprint]) => timeMs === ownMs && fingerprint === fix.fingerprint);
}

/** Copies within a frame have the same bytes, so the same time: dated ones follow each other. */
function isRepeated(outputs: readonly OrderOutput[], fix: Fix): boolean {
  for (let at = outputs.length - 1; at >= 0; at--) {
    const before = outputs[at]!.fix;
    if (before.fingerprint === fix.fingerprint && before.fixTimeMs === fix.fixTimeMs) return true;
    if (fix.dated && ownTimeMs(before) !== ownTimeMs(fix)) return false;
  }
  return false;
}

function ownTimeMs(fix: Fix): number {
  return fix.dated ? fix.fixTimeMs : (fix.deviceTimeMs ?? fix.fixTimeMs);
}

function sortedByTime(fixes: readonly Fix[]): readonly Fix[] {
  if (fixes.every((fix, index) => index === 0 || ownTimeMs(fixes[index - 1] as Fix) <= ownTimeMs(fix))) return fixes;
  return fixes.toSorted((a, b) => ownTimeMs(a) - ownTimeMs(b) || a.fixId - b.fixId);
}
