import { DAY_PARTS, dayPartOf, SLOTS } from "./time-of-week.ts";

/** Driven on one segment at one time of week: seconds taken, and seconds that the map's free flow would take. */
export type SpeedSum = {
  /** OSM way and direction along it; null: off the roads. */
  wayId: number | null;
  forward: boolean;
  roadClass: number;
  area: number;
  slot: number;
  drivenS: number;
  freeS: number;
};

/**
 * Learned seconds against free flow, as factors that multiply: road class × hour of the week × area at that hour ×
 * segment × segment at that part of the week. What was seen little stays near 1, that is near its parent.
 */
export type SpeedModel = {
  classes: Record<string, number>;
  slots: number[];
  /** Area → one factor for each slot. */
  areas: Record<string, number[]>;
  /** `segmentKey` → factor. */
  segments: Record<string, number>;
  /** `segmentKey` → one factor for each of `DAY_PARTS`. */
  segmentParts: Record<string, number[]>;
};

/** Seconds of driving that a parent's estimate is worth against what was seen. */
const WORTH_S = { class: 1_800, slot: 1_800, area: 400, segment: 90, segmentPart: 180 };
const FITTING_ROUNDS = 4;
/** Segments whose factors are nearer to 1 than this are left out of the model. */
const WORTH_KEEPING = 0.02;
const DECIMALS = 1_000;

export const unlearnedSpeeds: SpeedModel = {
  classes: {},
  slots: new Array<number>(SLOTS).fill(1),
  areas: {},
  segments: {},
  segmentParts: {},
};

export function segmentKey(wayId: number | null, forward: boolean): string {
  return wayId === null ? "-" : `${wayId}${forward ? "f" : "b"}`;
}

/** Factors that explain what was driven. The same sums in the same order give the same model. */
export function fitSpeeds(sums: readonly SpeedSum[]): SpeedModel {
  const classes = new Factors(WORTH_S.class);
  const slots = new Factors(WORTH_S.slot);
  const areas = new Factors(WORTH_S.area);
  const segments = new Factors(WORTH_S.segment);
  const segmentParts = new Factors(WORTH_S.segmentPart);
  const rows = sums.map((sum) => {
    const segment = segmentKey(sum.wayId, sum.forward);
    const cells = [
      classes.cell(String(sum.roadClass)),
      slots.cell(String(sum.slot)),
      areas.cell(`${sum.area}/${sum.slot}`),
      segments.cell(segment),
      segmentParts.cell(`${segment}/${DAY_PARTS.indexOf(dayPartOf(sum.slot))}`),
    ];
    return { sum, cells };
  });
  const families = [classes, slots, areas, segments, segmentParts];
  for (let round = 0; round < FITTING_ROUNDS; round++) {
    families.forEach((family, which) => {
      for (const { sum, cells } of rows) {
        const expectedS = cells.reduce((s, cell, at) => (at === which ? s : s * cell.factor), sum.freeS);
        cells[which]!.drivenS += sum.drivenS;
        cells[which]!.expectedS += expectedS;
      }
      family.settle();
    });
  }
  return {
    classes: classes.toRecord(),
    slots: Array.from({ length: SLOTS }, (_, slot) => slots.factorOf(String(slot))),
    areas: areas.toRows(SLOTS),
    segments: segments.toRecord(WORTH_KEEPING),
    segmentParts: segmentParts.toRows(DAY_PARTS.length, WORTH_KEEPING),
  };
}

/** The learned factor on free-flow seconds. */
export function paceFactor(
  model: SpeedModel,
  segment: { roadClass: number; area: number; key: string },
  slot: number,
): number {
  return (
    (model.classes[segment.roadClass] ?? 1) *
    model.slots[slot]! *
    (model.areas[segment.area]?.[slot] ?? 1) *
    (model.segments[segment.key] ?? 1) *
    (model.segmentParts[segment.key]?.[DAY_PARTS.indexOf(dayPartOf(slot))] ?? 1)
  );
}

type Cell = { drivenS: number; expectedS: number; factor: number };

/** One family of factors, each shrunk towards 1. */
class Factors {
  readonly #cells = new Map<string, Cell>();
  readonly #worthS: number;

  constructor(worthS: number) {
    this.#worthS = worthS;
  }

  cell(key: string): Cell {
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = { drivenS: 0, expectedS: 0, factor: 1 };
      this.#cells.set(key, cell);
    }
    return cell;
  }

  settle(): void {
    for (const cell of this.#cells.values()) {
      cell.factor = (cell.drivenS + this.#worthS) / (cell.expectedS + this.#worthS);
      cell.drivenS = 0;
      cell.expectedS = 0;
    }
  }

  factorOf(key: string): number {
    return rounded(this.#cells.get(key)?.factor ?? 1);
  }

  toRecord(worthKeeping = 0): Record<string, number> {
    const record: Record<string, number> = {};
    for (const [key, { factor }] of this.#cells)
      if (Math.abs(factor - 1) >= worthKeeping) record[key] = rounded(factor);
    return record;
  }

  /** Keys `name/index` as rows of `length` by name. */
  toRows(length: number, worthKeeping = 0): Record<string, number[]> {
    const rows: Record<string, number[]> = {};
    for (const [key, { factor }] of this.#cells) {
      if (Math.abs(factor - 1) < worthKeeping) continue;
      const cut = key.lastIndexOf("/");
      const name = key.slice(0, cut);
      rows[name] ??= new Array<number>(length).fill(1);
      rows[name][Number(key.slice(cut + 1))] = rounded(factor);
    }
    return rows;
  }
}

function rounded(factor: number): number {
  return Math.round(factor * DECIMALS) / DECIMALS;
}
