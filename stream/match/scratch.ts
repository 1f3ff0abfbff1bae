import type { RoadNetwork } from "../roads/network-file.ts";
import type { Heading } from "./emission.ts";
import { STRIDE } from "./hypothesis.ts";
import { EdgePlace } from "./project.ts";
import { Slots } from "./slots.ts";
import { CAR, type VehicleKind } from "./transition.ts";

export interface MatchOptions {
  vehicle?: VehicleKind;
  /** Log-likelihood below the best at which a hypothesis is given up; chosen by the time between fixes unless given. */
  beam?: number;
  /** Added to the cost of leaving the road. */
  offRoadReluctance?: number;
  /** Factor on the prior cost of a metre of road. */
  wayCostFactor?: number;
  /** Whether turning off into a ramp costs something. Live answers would leave the road too late. */
  heedsRamps?: boolean;
}

/**
 * Online, hypotheses further behind never came back in time to matter: the beam among close fixes gives the same answers as 12,
 * the other one those of 8. Close fixes repeat an error and with it what it tells against the right way, so there the right
 * hypothesis falls further behind.
 */
const BEAM_CLOSE = 8;
const BEAM_APART = 6.5;
const APART_S = 4;
/**
 * A live answer believes the fixes more and the shortest way less than the final one: of two ways the longer is often driven,
 * and nothing later can tell.
 */
const ONLINE_WAY_COST_FACTOR = 0.41;

/** What the steps of one matcher share: the network, the settings, and memory that is used again for every fix. */
export class MatchScratch {
  readonly roads: RoadNetwork;
  readonly vehicle: VehicleKind;
  beam: number;
  readonly offRoadReluctance: number;
  readonly wayCostFactor: number;
  readonly heedsRamps: boolean;
  /** Its origin is the fix at hand. */
  readonly place: EdgePlace;
  readonly slots = new Slots();
  /** A hypothesis moved to the time of the fix at hand. */
  readonly predicted = new Float64Array(STRIDE);
  readonly heading: Heading = { known: false, east: 0, north: 0, bearing256: 0, variance: 1 };
  readonly #fixedBeam: number | undefined;

  constructor(roads: RoadNetwork, options: MatchOptions) {
    this.roads = roads;
    this.vehicle = options.vehicle ?? CAR;
    this.#fixedBeam = options.beam;
    this.beam = options.beam ?? BEAM_CLOSE;
    this.offRoadReluctance = options.offRoadReluctance ?? 0;
    this.wayCostFactor = options.wayCostFactor ?? ONLINE_WAY_COST_FACTOR;
    this.heedsRamps = options.heedsRamps ?? false;
    this.place = new EdgePlace(roads);
  }

  /** Sets the beam for a fix so long after the one before (NaN: the first). */
  chooseBeam(dtS: number): void {
    this.beam = this.#fixedBeam ?? (dtS >= APART_S ? BEAM_APART : BEAM_CLOSE);
  }
}
