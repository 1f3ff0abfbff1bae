/** What the API tells in reports (see /docs): the members that the page shows. */

/** A figure with its 95 % interval; none below five routes. */
export type Estimate = { value: number; low: number | null; high: number | null };

export type EtaAccuracy = {
  group: string;
  fromMinutes: number | null;
  toMinutes: number | null;
  etas: number;
  stops: number;
  routes: number;
  coverageP90: Estimate;
  coverageP10ToP90: Estimate;
  coverageP50: Estimate;
  biasS: Estimate;
  maeS: Estimate;
};

export type Kpi = {
  group: string | null;
  stops: number;
  served: number;
  onTimeRate: number | null;
  withWindow: number;
  slaAdherence: number | null;
  withPromise: number;
  firstAttemptRate: number | null;
  attempted: number;
  stopsPerDriverDay: number | null;
  driverDays: number;
  linkViewsPerStop: number | null;
  withLink: number;
};

/** Days of the fleet's calendar, both included. */
export type Days = { from: string; to: string };
