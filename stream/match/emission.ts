const DEG_TO_RAD = Math.PI / 180;
/** Heading from velocity: a sideways error of this speed, plus what a polyline's corners and mapping leave open. */
const SIDEWAYS_SIGMA_MPS = 0.7;
const SHAPE_SIGMA_RAD = 0.12;
const ASSUMED_SPEED_MPS = 4;
const TAIL = 4;

/**
 * Log-likelihood of a reported heading (degrees clockwise from north) on a road with this direction (unit vector), up to
 * a constant. Slow vehicles report poor headings.
 */
export function headingLikelihood(headingDeg: number, speedMps: number, tangentE: number, tangentN: number): number {
  const heading = headingDeg * DEG_TO_RAD;
  const cosine = Math.sin(heading) * tangentE + Math.cos(heading) * tangentN;
  const angle = cosine >= 1 ? 0 : cosine <= -1 ? Math.PI : Math.acos(cosine);
  const speed = speedMps >= 0 ? Math.max(0.5, speedMps) : ASSUMED_SPEED_MPS;
  const sigma = SHAPE_SIGMA_RAD + SIDEWAYS_SIGMA_MPS / speed;
  return (-(TAIL + 1) / 2) * Math.log1p((angle * angle) / (sigma * sigma * TAIL));
}
