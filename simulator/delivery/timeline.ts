import { distanceM, headingDeg } from "../roads/geometry.ts";

/** Where a vehicle truly is, as points in time with straight, even driving between them. */
export type TimelinePoint = {
  timeMs: number;
  latDeg: number;
  lonDeg: number;
  /** What is driven from here on; 0: not known, at the beginning. */
  wayId: number;
  forward: boolean;
};

export type TimelineState = TimelinePoint & { speedMps: number; headingDeg: number };

export class Timeline {
  readonly points: readonly TimelinePoint[];
  #at = 0;
  #headingDeg = 0;

  constructor(points: readonly TimelinePoint[]) {
    this.points = points;
  }

  get startMs(): number {
    return this.points[0]!.timeMs;
  }

  get endMs(): number {
    return this.points.at(-1)!.timeMs;
  }

  /** The state at a time, held to the timeline's ends. Cheap when asked in rising order. */
  stateAt(timeMs: number): TimelineState {
    const { points } = this;
    if (points[this.#at]!.timeMs > timeMs) this.#at = 0;
    while (this.#at < points.length - 2 && points[this.#at + 1]!.timeMs <= timeMs) this.#at++;
    const a = points[this.#at]!;
    const b = points[this.#at + 1] ?? a;
    const spanMs = b.timeMs - a.timeMs;
    const share = spanMs > 0 ? Math.min(1, Math.max(0, (timeMs - a.timeMs) / spanMs)) : 1;
    const lengthM = distanceM(a.latDeg, a.lonDeg, b.latDeg, b.lonDeg);
    // Standing, a vehicle keeps the direction in which it came.
    if (lengthM > 0.5) this.#headingDeg = headingDeg(a.latDeg, a.lonDeg, b.latDeg, b.lonDeg);
    return {
      ...{ timeMs, wayId: a.wayId, forward: a.forward, headingDeg: this.#headingDeg },
      latDeg: a.latDeg + (b.latDeg - a.latDeg) * share,
      lonDeg: a.lonDeg + (b.lonDeg - a.lonDeg) * share,
      speedMps: spanMs > 0 && share < 1 ? lengthM / (spanMs / 1000) : 0,
    };
  }
}
