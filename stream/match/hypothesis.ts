/**
 * A hypothesis says: the vehicle is on this directed edge, and came by this path. Within it position and noise are
 * Gaussian, so it carries a Kalman state of four numbers: offset along the edge (m), speed along it (m/s), and the
 * receiver's current error east and north (m), which real receivers change slowly. One flat record of floats each:
 */
export const FIELD = {
  /** Log-likelihood relative to the best. */
  score: 0,
  /** Directed edge, or `OFF_ROAD`. */
  edge: 1,
  alongM: 2,
  speedMps: 3,
  errorEastM: 4,
  errorNorthM: 5,
  /** Upper triangle of the covariance in the order along, speed, east, north. */
  covAA: 6,
  covAS: 7,
  covAE: 8,
  covAN: 9,
  covSS: 10,
  covSE: 11,
  covSN: 12,
  covEE: 13,
  covEN: 14,
  covNN: 15,
  /** Newest node of the path in the path tree. */
  node: 16,
} as const;
export const STRIDE = 17;

/**
 * `edge` of the hypothesis that the vehicle is on no road of the map. Its `alongM` and `speedMps` hold the latitude and longitude of
 * the fix (1e-7 degrees), and nothing reads them; all else but `score` and `node` is 0.
 */
export const OFF_ROAD = -1;
