/**
 * What a verdict rests on. SI units, WGS 84 degrees, Unix milliseconds; ids as digits. `sigmaM` is the standard deviation
 * of each axis, `accuracyM` the radius of 68 % that a phone gives.
 */

export type TrackFix = {
  readonly id: string;
  readonly timeMs: number;
  readonly latDeg: number;
  readonly lonDeg: number;
  /** As the receiver measured it; null where it says nothing. */
  readonly speedMps: number | null;
  readonly sigmaM: number;
  /** The device says that somebody else made this position. */
  readonly mock: boolean;
  /** Null where the profile has no such input, or this report does not tell. */
  readonly doorOpen: boolean | null;
  readonly ignition: boolean | null;
};

/** Positions in the order of their times. `throughMs`: the newest time that is known of; null: never heard. */
export type Track = { readonly fixes: readonly TrackFix[]; readonly throughMs: number | null };

export type Visit = {
  readonly stopId: string;
  readonly arrivedAtMs: number;
  /** Null while it lasts. */
  readonly departedAtMs: number | null;
  /** Events that say so. */
  readonly evidenceIds: readonly string[];
};

export type StopPlace = { readonly stopId: string; readonly latDeg: number; readonly lonDeg: number };

/** Times of a POD by the clock of the phone, and when it came in by ours. */
export type PodTimes = {
  /** When it was made. */
  readonly deviceTimeMs: number;
  /** The phone's clock at the moment of sending; null where it does not tell. */
  readonly sentAtMs: number | null;
  readonly receivedAtMs: number;
};

export type PhonePosition = {
  readonly latDeg: number;
  readonly lonDeg: number;
  readonly accuracyM: number;
  /** By the phone's clock. */
  readonly timeMs: number;
};

export type OtherPod = PodTimes & StopPlace & { readonly podId: string };

export type Artefact = {
  readonly kind: "photo" | "signature";
  readonly sha256: string;
  /** PODs of other stops that had the very same bytes before. */
  readonly usedBefore: readonly (StopPlace & { readonly podId: string; readonly receivedAtMs: number })[];
};

export type TemperatureSample = {
  readonly id: string;
  readonly timeMs: number;
  readonly probe: string;
  /** Null where the probe reports a fault. */
  readonly celsius: number | null;
};

/** Limits of a load; null: no such limit. `intervalS`: how often a sample is expected. */
export type TemperatureRule = {
  readonly minCelsius: number | null;
  readonly maxCelsius: number | null;
  readonly intervalS: number;
};

export type Evidence = {
  /** The time of judging: what is not there yet may still come. */
  readonly evaluatedAtMs: number;
  readonly planVersion: number | null;
  readonly pod: PodTimes & {
    readonly podId: string;
    readonly outcome: "delivered" | "failed";
    readonly position: PhonePosition | null;
    readonly mock: boolean;
  };
  readonly stop: StopPlace;
  readonly otherStops: readonly StopPlace[];
  /** Null: no tracker is in the vehicle, or there is no vehicle. */
  readonly vehicle: Track | null;
  /** Positions that the driver's phone reported apart from the POD. */
  readonly phone: Track | null;
  /** Of this stop and of others of the route, as geofences saw them. */
  readonly visits: readonly Visit[];
  readonly artefacts: readonly Artefact[];
  /** PODs of other stops by the same vehicle or driver, about the same time. */
  readonly otherPods: readonly OtherPod[];
  /** What the policy asks for and the POD lacks. */
  readonly missingFields: readonly string[];
  /** True: the PIN that only the recipient was told is right. */
  readonly pinConfirmed: boolean;
  readonly temperature: {
    readonly rule: TemperatureRule;
    /** From when to when the load was aboard. */
    readonly fromMs: number;
    readonly toMs: number;
    readonly samples: readonly TemperatureSample[];
  } | null;
};
