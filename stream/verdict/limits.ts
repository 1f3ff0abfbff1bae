/** Bump with every change of a rule or limit: evidence names the version that it was judged by. */
export const VERDICT_RULE_VERSION = 1;

/** Every threshold of the rules, by name. Metres, seconds, metres per second. */
export const VERDICT_LIMITS = {
  /** Around the POD: where the vehicle is looked at. */
  windowS: 300,
  atStopM: 75,
  atStopSigmas: 2,
  farM: 300,
  farSigmas: 3,
  goodFixesMin: 3,
  /** A fix less sure than this is no good fix. */
  goodSigmaMaxM: 100,
  /** Faster than this between two fixes no van gets to a stop and back: what a gap could hide. */
  vehicleMaxMps: 36,
  stillMps: 5 / 3.6,
  denseGapS: 15,
  gapS: 60,
  dwellBeforeS: 60,
  dwellInsideS: 120,
  dwellMinS: 20,
  phoneAccuracyMaxM: 100,
  phoneAgeMaxS: 60,
  phoneFromVehicleM: 250,
  phoneFromVehicleSigmas: 3,
  jumpMps: 70,
  identicalFixesMax: 5,
  batchStopsMin: 3,
  batchS: 60,
  /** Stops closer than this are one place to a driver on foot: an entrance, a house, a street corner. */
  samePlaceM: 150,
  /** One person may sign once for two stops at one place, within this time. */
  samePlaceS: 900,
  /** A POD made this long after the vehicle left is late, not false. */
  signedLateS: 1_800,
  /** As far as a driver walks from a parked van. */
  walkM: 300,
  skewS: 120,
  /** Zones are whole half hours apart. */
  zoneStepS: 1_800,
  /** How long telemetry may be late before its absence is a gap. */
  pendingS: 86_400,
  excursionS: 300,
  unknownIntervals: 2,
} as const;
