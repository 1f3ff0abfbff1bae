import { lonMetresPerE7, METRES_PER_E7 } from "../roads/geometry.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import { FIELD } from "./hypothesis.ts";

const NONE = -1;
/** Of places equally near the one nearer to the start of the edge is meant. */
const TIE = 2.5e-11;

/**
 * A place on a directed edge seen from an origin: its offset along the edge, its position relative to the origin, and the
 * road's direction there. One instance is reused; `place…` fill it in.
 */
export class EdgePlace {
  atM = 0;
  eastM = 0;
  northM = 0;
  tangentE = 0;
  tangentN = 0;
  /** Offsets between which the road is straight here. */
  fromM = 0;
  toM = 0;
  readonly #roads: RoadNetwork;
  #originLatE7 = 0;
  #originLonE7 = 0;
  #lonScale = 1;
  /** What `placeAt` was asked last. */
  #directed = NONE;
  #offsetM = 0;

  constructor(roads: RoadNetwork) {
    this.#roads = roads;
  }

  setOrigin(latE7: number, lonE7: number, lonScale = lonMetresPerE7(latE7 / 1e7)): void {
    this.#originLatE7 = latE7;
    this.#originLonE7 = lonE7;
    this.#lonScale = lonScale;
    this.#directed = NONE;
  }

  get latE7(): number {
    return this.#originLatE7 + this.northM / METRES_PER_E7;
  }

  get lonE7(): number {
    return this.#originLonE7 + this.eastM / this.#lonScale;
  }

  /** Metres from the origin to a vertex. */
  vertexDistanceM(vertex: number): number {
    const eastM = (this.#roads.vertexLonE7[vertex]! - this.#originLonE7) * this.#lonScale;
    const northM = (this.#roads.vertexLatE7[vertex]! - this.#originLatE7) * METRES_PER_E7;
    return Math.sqrt(eastM * eastM + northM * northM);
  }

  /** The place at an offset (m), which is first brought onto the edge. */
  placeAt(directed: number, offsetM: number): void {
    if (directed === this.#directed && offsetM === this.#offsetM) return;
    const { edgeShape, edgeLengthM, shapeAlongM } = this.#roads;
    const edge = directed >> 1;
    const lengthM = edgeLengthM[edge]!;
    const offset = offsetM < 0 ? 0 : offsetM > lengthM ? lengthM : offsetM;
    const along = directed & 1 ? lengthM - offset : offset;
    let low = edgeShape[edge]!;
    let high = edgeShape[edge + 1]! - 2;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (shapeAlongM[middle]! <= along) low = middle;
      else high = middle - 1;
    }
    this.#placeOn(directed, low, along, lengthM);
    this.#directed = directed;
    this.#offsetM = offsetM;
  }

  /** The place that is nearest to the origin. Returns how far away it is, metres squared. */
  placeNearest(directed: number): number {
    return this.#placeBest(directed, 0, TIE, 0, 0);
  }

  /** The place that is likeliest for a vehicle in the predicted state `h`, `shiftM` after where its offset counts from. */
  placeLikeliest(directed: number, h: Float64Array, shiftM: number): void {
    const trust = (h[FIELD.covEE]! + 1) / h[FIELD.covAA]!;
    this.#placeBest(directed, h[FIELD.alongM]! - shiftM, trust, h[FIELD.errorEastM]!, h[FIELD.errorNorthM]!);
  }

  /**
   * The place that is best for a vehicle expected at `expectedM` whose fix (the origin) has the error (`errorE`, `errorN`), `trust`
   * being the variance of the error by that of the offset. Returns the sum of squares, those of offsets times `trust`.
   */
  #placeBest(directed: number, expectedM: number, trust: number, errorE: number, errorN: number): number {
    const { edgeShape, edgeLengthM, shapeAlongM, shapeLatE7, shapeLonE7 } = this.#roads;
    const edge = directed >> 1;
    const lengthM = edgeLengthM[edge]!;
    const expected = directed & 1 ? lengthM - expectedM : expectedM;
    let best = Number.POSITIVE_INFINITY;
    let bestSegment = edgeShape[edge]!;
    let bestAlong = 0;
    const last = edgeShape[edge + 1]! - 1;
    const originLat = this.#originLatE7;
    const originLon = this.#originLonE7;
    let ax = (shapeLonE7[bestSegment]! - originLon) * this.#lonScale + errorE;
    let ay = (shapeLatE7[bestSegment]! - originLat) * METRES_PER_E7 + errorN;
    for (let p = bestSegment; p < last; p++) {
      const bx = (shapeLonE7[p + 1]! - originLon) * this.#lonScale + errorE;
      const by = (shapeLatE7[p + 1]! - originLat) * METRES_PER_E7 + errorN;
      const dx = bx - ax;
      const dy = by - ay;
      const from = shapeAlongM[p]!;
      const segmentM = shapeAlongM[p + 1]! - from;
      if (segmentM > 0) {
        // Minimises |a + t·d|² / e + (from + t·segment − expected)² / v over t in [0, 1].
        const t0 =
          (-(ax * dx + ay * dy) + trust * segmentM * (expected - from)) /
          (dx * dx + dy * dy + trust * segmentM * segmentM);
        const t = t0 < 0 ? 0 : t0 > 1 ? 1 : t0;
        const x = ax + t * dx;
        const y = ay + t * dy;
        const off = from + t * segmentM - expected;
        const cost = x * x + y * y + trust * off * off;
        if (cost < best) {
          best = cost;
          bestSegment = p;
          bestAlong = from + t * segmentM;
        }
      }
      ax = bx;
      ay = by;
    }
    this.#placeOn(directed, bestSegment, bestAlong, lengthM);
    this.#directed = NONE;
    return best;
  }

  #placeOn(directed: number, segment: number, along: number, lengthM: number): void {
    const { shapeAlongM, shapeLatE7, shapeLonE7 } = this.#roads;
    const from = shapeAlongM[segment]!;
    const to = shapeAlongM[segment + 1]!;
    const spanM = to - from;
    const eastA = (shapeLonE7[segment]! - this.#originLonE7) * this.#lonScale;
    const northA = (shapeLatE7[segment]! - this.#originLatE7) * METRES_PER_E7;
    const dE = (shapeLonE7[segment + 1]! - shapeLonE7[segment]!) * this.#lonScale;
    const dN = (shapeLatE7[segment + 1]! - shapeLatE7[segment]!) * METRES_PER_E7;
    const t = spanM > 0 ? (along - from) / spanM : 0;
    this.eastM = eastA + t * dE;
    this.northM = northA + t * dN;
    const norm = Math.sqrt(dE * dE + dN * dN) || 1;
    if (directed & 1) {
      this.tangentE = -dE / norm;
      this.tangentN = -dN / norm;
      this.atM = lengthM - along;
      this.fromM = lengthM - to;
      this.toM = lengthM - from;
    } else {
      this.tangentE = dE / norm;
      this.tangentN = dN / norm;
      this.atM = along;
      this.fromM = from;
      this.toM = to;
    }
  }
}
