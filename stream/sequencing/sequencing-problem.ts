/**
 * Stops to be put in a good order: each served once, by one of some equal vehicles that leave from the start and come to
 * the end. Times are seconds since any moment, the same for all.
 */
export type SequencingProblem = {
  stops: readonly StopToPlace[];
  /** At most so many; one for the route of one vehicle. */
  vehicles: number;
  /** What a vehicle can carry; Infinity: anything. */
  capacity: number;
  /** When a vehicle can leave, and when it must be at the end (Infinity: whenever). */
  startS: number;
  endS: number;
  /** Driving times between all nodes, row by row: the stops in their order, then the start, then the end. */
  travelS: Float64Array;
  /** What a second of waiting on the road costs beside a second of driving; 0: nothing. */
  waitWeight: number;
};

export type StopToPlace = {
  /** Service begins in the window; who comes before waits. */
  windowStartS: number;
  windowEndS: number;
  serviceS: number;
  /** On board from the start until here. */
  deliver: number;
  /** On board from here to the end. */
  pickUp: number;
};

/** Of a second too late, beside a second of driving: being late is avoided nearly at any price. */
export const LATE_WEIGHT = 1_000;
/** Of a unit too much on board. */
export const EXCESS_WEIGHT = 100_000;

export const startNode = ({ stops }: Pick<SequencingProblem, "stops">): number => stops.length;
export const endNode = ({ stops }: Pick<SequencingProblem, "stops">): number => stops.length + 1;
