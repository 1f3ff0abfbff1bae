const STAMP_MAX = 0xffff_ffff;

/**
 * The stamp that comes after one: no entry of `stamps` holds it. What bears the stamp of the search at hand was visited by it, so
 * nothing has to be taken back between searches, but for once in 2^32 of them, which a busy process comes to within weeks.
 */
export function nextStamp(stamps: Uint32Array, stamp: number): number {
  if (stamp < STAMP_MAX) return stamp + 1;
  stamps.fill(0);
  return 1;
}
