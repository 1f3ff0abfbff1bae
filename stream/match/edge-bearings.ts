import { lonMetresPerE7, METRES_PER_E7 } from "../roads/geometry.ts";
import type { RoadNetwork } from "../roads/network-file.ts";

const TURN = 256;
const HALF_TURN = TURN / 2;
const UNKNOWN = 255;
/** What rounding to 1/256 turns can take off an angle, on both sides together. */
const ROUNDING = 1;

/**
 * Between which bearings each edge runs, so that a heading that none of its parts has is known without working out where on it
 * the vehicle would be. Found when an edge is first asked for; two bytes an edge.
 */
export class EdgeBearings {
  readonly #roads: RoadNetwork;
  /** Bearing along the way in the middle between the extremes and how far they are from it, 1/256 turns. */
  readonly #middle: Uint8Array;
  readonly #spread: Uint8Array;

  constructor(roads: RoadNetwork) {
    this.#roads = roads;
    this.#middle = new Uint8Array(roads.edgeFrom.length);
    this.#spread = new Uint8Array(roads.edgeFrom.length).fill(UNKNOWN);
  }

  /** The least angle between a bearing and any part of a directed edge, whole 1/256 turns, rounded down. */
  apart256(directed: number, bearing256: number): number {
    const edge = directed >> 1;
    if (this.#spread[edge] === UNKNOWN) this.#measure(edge);
    const middle = this.#middle[edge]! + (directed & 1) * HALF_TURN;
    const apart = Math.abs(((bearing256 - middle + HALF_TURN) & (TURN - 1)) - HALF_TURN);
    return Math.max(0, apart - this.#spread[edge]!);
  }

  #measure(edge: number): void {
    const { edgeShape, shapeLatE7, shapeLonE7 } = this.#roads;
    let first = Number.NaN;
    let [left, right] = [0, 0];
    for (let p = edgeShape[edge]!; p + 1 < edgeShape[edge + 1]!; p++) {
      const northM = (shapeLatE7[p + 1]! - shapeLatE7[p]!) * METRES_PER_E7;
      const eastM = (shapeLonE7[p + 1]! - shapeLonE7[p]!) * lonMetresPerE7(shapeLatE7[p]! / 1e7);
      if (northM === 0 && eastM === 0) continue;
      const bearing = (Math.atan2(eastM, northM) / (2 * Math.PI)) * TURN;
      if (Number.isNaN(first)) first = bearing;
      const turned = bearing - first;
      const signed = turned - TURN * Math.round(turned / TURN);
      left = Math.min(left, signed);
      right = Math.max(right, signed);
    }
    this.#middle[edge] = Math.round(first + (left + right) / 2) & (TURN - 1);
    this.#spread[edge] = Math.min(HALF_TURN, Math.ceil((right - left) / 2) + ROUNDING);
  }
}
