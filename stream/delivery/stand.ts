import { haversineM } from "../roads/geometry.ts";

/**
 * Where a vehicle stands still, from its live fixes. A stand begins with a fix that does not move and lasts while fixes
 * stay near its mean place; where the receiver says no speed, staying near is all there is to go by.
 */
export type Stand = {
  readonly fromMs: number;
  readonly toMs: number;
  /** Mean place, WGS 84 degrees. */
  readonly latDeg: number;
  readonly lonDeg: number;
  /** Where it has been of late. */
  readonly lately: { readonly latDeg: number; readonly lonDeg: number };
  readonly fixes: number;
  /** True where the receiver said that it did not move; else only its places say so. */
  readonly bySpeed: boolean;
};

export type StandFix = { timeMs: number; latDeg: number; lonDeg: number; speedMps: number | null };

/** Above this a vehicle drives; receivers between buildings say up to a walking pace of one that stands. */
const DRIVING_MPS = 2.5;
/** Fixes of a stand are this close to its mean: three sigmas of a receiver between buildings. */
const STAND_M = 50;
/** A vehicle that has moved up by this, as far as fixes of about so long tell, stands somewhere else. */
const MOVED_M = 15;
const LATELY_MS = 30_000;
/** A stand is known after this, milliseconds; places alone take longer. */
const BY_SPEED_MS_MIN = 20_000;
const BY_PLACE_MS_MIN = 40_000;

/** The stand after a fix, and the one that it ended. Null: driving. */
export function stepStand(stand: Stand | null, fix: StandFix): { stand: Stand | null; ended: Stand | null } {
  const drives = fix.speedMps !== null && fix.speedMps > DRIVING_MPS;
  if (stand === null) return { stand: drives ? null : begun(fix), ended: null };
  const isNear = haversineM(stand.latDeg, stand.lonDeg, fix.latDeg, fix.lonDeg) <= STAND_M;
  if (!drives && isNear) {
    const longer = prolonged(stand, fix);
    if (!hasMoved(longer)) return { stand: longer, ended: null };
    // Noticed so late, as places of late are needed for it.
    const moved = { ...begun(fix), ...longer.lately, fromMs: fix.timeMs - LATELY_MS };
    return { stand: moved, ended: { ...stand, toMs: stand.toMs - LATELY_MS } };
  }
  return { stand: drives ? null : begun(fix), ended: isStand(stand) ? stand : null };
}

/** True once it has lasted long enough to be one. */
export function isStand({ fromMs, toMs, bySpeed }: Stand): boolean {
  return toMs - fromMs >= (bySpeed ? BY_SPEED_MS_MIN : BY_PLACE_MS_MIN);
}

function hasMoved(stand: Stand): boolean {
  const { latDeg, lonDeg, lately } = stand;
  return (
    stand.toMs - stand.fromMs >= 2 * LATELY_MS && haversineM(latDeg, lonDeg, lately.latDeg, lately.lonDeg) > MOVED_M
  );
}

function begun({ timeMs, latDeg, lonDeg, speedMps }: StandFix): Stand {
  const lately = { latDeg, lonDeg };
  return { fromMs: timeMs, toMs: timeMs, latDeg, lonDeg, lately, fixes: 1, bySpeed: speedMps !== null };
}

function prolonged(stand: Stand, fix: StandFix): Stand {
  const fixes = stand.fixes + 1;
  const { lately } = stand;
  const fresh = 1 - Math.exp((stand.toMs - fix.timeMs) / LATELY_MS);
  return {
    ...{ fromMs: stand.fromMs, toMs: fix.timeMs, fixes },
    latDeg: stand.latDeg + (fix.latDeg - stand.latDeg) / fixes,
    lonDeg: stand.lonDeg + (fix.lonDeg - stand.lonDeg) / fixes,
    lately: {
      latDeg: lately.latDeg + (fix.latDeg - lately.latDeg) * fresh,
      lonDeg: lately.lonDeg + (fix.lonDeg - lately.lonDeg) * fresh,
    },
    bySpeed: stand.bySpeed && fix.speedMps !== null,
  };
}
