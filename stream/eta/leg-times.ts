import type { Leg, LegShape, Legs } from "./leg.ts";
import { paceFactor, type SpeedModel } from "./speeds.ts";

/** Legs that vehicles are on right now keep their line and running times. */
const CURRENT_KEPT_MAX = 5_000;

type Current = { shape: LegShape; bySlot: Map<number, Float64Array> };

/** Learned driving seconds of legs by hour of the week, each worked out once. */
export class LegTimes {
  readonly #legs: Legs;
  readonly #speeds: SpeedModel;
  readonly #totals = new WeakMap<Leg, Map<number, number>>();
  readonly #current = new Map<Leg, Current>();

  constructor(legs: Legs, speeds: SpeedModel) {
    this.#legs = legs;
    this.#speeds = speeds;
  }

  /** Of the whole leg. */
  totalS(leg: Leg, slot: number): number {
    let totals = this.#totals.get(leg);
    if (totals === undefined) {
      totals = new Map();
      this.#totals.set(leg, totals);
    }
    let totalS = totals.get(slot);
    if (totalS === undefined) {
      totalS = leg.accessS;
      for (const stretch of leg.stretches) totalS += stretch.freeS * paceFactor(this.#speeds, stretch, slot);
      totals.set(slot, totalS);
    }
    return totalS;
  }

  /** From a distance along the leg to its end. */
  restS(leg: Leg, alongM: number, slot: number): number {
    return this.totalS(leg, slot) - leg.accessS / 2 - this.#untilS(leg, alongM, slot);
  }

  /** Between two distances along the leg. */
  betweenS(leg: Leg, fromM: number, toM: number, slot: number): number {
    return this.#untilS(leg, toM, slot) - this.#untilS(leg, fromM, slot);
  }

  shapeOf(leg: Leg): LegShape {
    return this.#currentOf(leg).shape;
  }

  #untilS(leg: Leg, alongM: number, slot: number): number {
    const current = this.#currentOf(leg);
    let ends = current.bySlot.get(slot);
    if (ends === undefined) {
      let sumS = 0;
      ends = Float64Array.from(leg.stretches, (stretch) => {
        sumS += stretch.freeS * paceFactor(this.#speeds, stretch, slot);
        return sumS;
      });
      current.bySlot.set(slot, ends);
    }
    const at = stretchAt(leg, alongM);
    const fromM = at === 0 ? 0 : leg.stretches[at - 1]!.endM;
    const fromS = at === 0 ? 0 : ends[at - 1]!;
    const lengthM = leg.stretches[at]!.endM - fromM;
    const share = lengthM > 0 ? Math.min(1, Math.max(0, (alongM - fromM) / lengthM)) : 1;
    return fromS + (ends[at]! - fromS) * share;
  }

  #currentOf(leg: Leg): Current {
    let current = this.#current.get(leg);
    if (current === undefined) {
      if (this.#current.size >= CURRENT_KEPT_MAX) this.#current.delete(this.#current.keys().next().value!);
      current = { shape: this.#legs.shapeOf(leg), bySlot: new Map() };
      this.#current.set(leg, current);
    }
    return current;
  }
}

/** The stretch that holds a distance along the leg. */
function stretchAt({ stretches }: Leg, alongM: number): number {
  let [low, high] = [0, stretches.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (stretches[middle]!.endM < alongM) low = middle + 1;
    else high = middle;
  }
  return low;
}
