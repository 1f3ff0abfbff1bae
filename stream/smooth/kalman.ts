/**
 * A constant-velocity Kalman filter in the plane. East and north share one covariance, since neither the random
 * acceleration nor the errors of a fix prefer a direction: a state is seven numbers, and an update some forty operations
 * without garbage. The covariance is kept factored (Bierman's UD form for two components), so that it cannot lose its
 * positivity in a month's gap. Layout of a state, from `at`:
 */
export const PLANE = {
  eastM: 0,
  northM: 1,
  eastMps: 2,
  northMps: 3,
  /** Variance of a position component, m². */
  varPosition: 4,
  /** What a metre of position says about velocity: their covariance over the variance of position, 1/s. */
  slope: 5,
  /** Variance of a velocity component that position does not explain, m²/s². */
  varRest: 6,
} as const;
export const PLANE_STRIDE = 7;

const { eastM: E, northM: N, eastMps: VE, northMps: VN, varPosition: PP, slope: G, varRest: D } = PLANE;

/** Starts at a position (m) with its variance (m²) and an unknown velocity of this variance (m²/s²). */
export function startPlane(
  s: Float64Array,
  at: number,
  eastM: number,
  northM: number,
  variance: number,
  varVelocity: number,
): void {
  s[at + E] = eastM;
  s[at + N] = northM;
  s[at + VE] = 0;
  s[at + VN] = 0;
  s[at + PP] = variance;
  s[at + G] = 0;
  s[at + D] = varVelocity;
}

/** Variance of a velocity component, m²/s². */
export function velocityVariance(s: Float64Array, at: number): number {
  return s[at + D]! + s[at + G]! ** 2 * s[at + PP]!;
}

/** Moves a state `dtS` seconds on under white acceleration of power `q` ((m/s²)² s per axis). */
export function predictPlane(s: Float64Array, at: number, dtS: number, q: number): void {
  s[at + E]! += dtS * s[at + VE]!;
  s[at + N]! += dtS * s[at + VN]!;
  const pp = s[at + PP]!;
  const g = s[at + G]!;
  const d = s[at + D]!;
  const reach = 1 + dtS * g;
  // A = F P Fᵀ, to which Q = q [dt³/3, dt²/2; dt²/2, dt] is added; det(A + Q) is written out so that no large terms cancel.
  const aPP = pp * reach * reach + dtS * dtS * d;
  const aPV = g * pp * reach + dtS * d;
  const aVV = d + g * g * pp;
  const qVV = q * dtS;
  const newPP = aPP + (qVV * dtS * dtS) / 3;
  const determinant = pp * d + (qVV * qVV * dtS * dtS) / 12 + qVV * (aPP - dtS * aPV + (dtS * dtS * aVV) / 3);
  s[at + PP] = newPP;
  s[at + G] = (aPV + (qVV * dtS) / 2) / newPP;
  s[at + D] = determinant / newPP;
}

/** Squared distance of a measured position from the expected one, in sigmas (chi-square, two degrees of freedom). */
export function surpriseOf(s: Float64Array, at: number, eastM: number, northM: number, variance: number): number {
  return ((eastM - s[at + E]!) ** 2 + (northM - s[at + N]!) ** 2) / (s[at + PP]! + variance);
}

/** Conditions on a measured position (m) with this variance per axis (m²). In this form only one number changes. */
export function observePlanePosition(
  s: Float64Array,
  at: number,
  eastM: number,
  northM: number,
  variance: number,
): void {
  const pp = s[at + PP]!;
  const gainP = pp / (pp + variance);
  const gainV = gainP * s[at + G]!;
  const missE = eastM - s[at + E]!;
  const missN = northM - s[at + N]!;
  s[at + E]! += gainP * missE;
  s[at + N]! += gainP * missN;
  s[at + VE]! += gainV * missE;
  s[at + VN]! += gainV * missN;
  s[at + PP] = gainP * variance;
}

/** Conditions on a measured velocity (m/s east and north) with this variance per axis (m²/s²). */
export function observePlaneVelocity(
  s: Float64Array,
  at: number,
  eastMps: number,
  northMps: number,
  variance: number,
): void {
  const pp = s[at + PP]!;
  const g = s[at + G]!;
  const d = s[at + D]!;
  const vv = d + g * g * pp;
  const total = vv + variance;
  const gainP = (g * pp) / total;
  const gainV = vv / total;
  const missE = eastMps - s[at + VE]!;
  const missN = northMps - s[at + VN]!;
  s[at + E]! += gainP * missE;
  s[at + N]! += gainP * missN;
  s[at + VE]! += gainV * missE;
  s[at + VN]! += gainV * missN;
  const newPP = (pp * (d + variance)) / total;
  s[at + PP] = newPP;
  s[at + G] = (g * pp * variance) / (total * newPP);
  s[at + D] = (pp * d * variance) / (total * newPP);
}
