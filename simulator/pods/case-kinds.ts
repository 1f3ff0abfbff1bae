import { pick, type Random } from "../random.ts";

/** What may happen at a stop: days of honest drivers, however unlucky, and frauds that leave a trace. */
export const HONEST_KINDS = [
  "dense",
  "late upload",
  "phone dead",
  "tracker dead",
  "tracker asleep",
  "urban canyon",
  "wrong geocode",
  "clock 7 h off",
  "parked 220 m away",
  "signed late",
  "next door",
  "temperature excursion",
  "probe gap",
] as const;

export const FRAUD_KINDS = [
  "4 km early",
  "signed at the depot",
  "never stopped",
  "mocked phone",
  "reused photo",
  "wrong stop",
] as const;

export type CaseKind = (typeof HONEST_KINDS)[number] | (typeof FRAUD_KINDS)[number];

export const isFraud = (kind: CaseKind): boolean => (FRAUD_KINDS as readonly string[]).includes(kind);

/** How often which, out of their sum: mostly all is well. */
const WEIGHTS: readonly (readonly [CaseKind, number])[] = [
  ["dense", 30],
  ["late upload", 6],
  ["phone dead", 5],
  ["tracker dead", 5],
  ["tracker asleep", 5],
  ["urban canyon", 6],
  ["wrong geocode", 5],
  ["clock 7 h off", 5],
  ["parked 220 m away", 5],
  ["signed late", 4],
  ["next door", 4],
  ["temperature excursion", 3],
  ["probe gap", 3],
  ["4 km early", 4],
  ["never stopped", 4],
  ["mocked phone", 4],
  ["reused photo", 4],
  ["wrong stop", 4],
];
/** One day in so many all PODs are signed before the van leaves. */
const DEPOT_DAYS = 25;

/** What happens at the stops of a day. */
export function drawKinds(random: Random, stops: number): CaseKind[] {
  if (pick(random, DEPOT_DAYS) === 0) return Array.from({ length: stops }, () => "signed at the depot");
  const total = WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0);
  const kinds = Array.from({ length: stops }, () => kindAt(random() * total));
  return kinds.map((kind, index) => fitting(kind, kinds, index));
}

/** The kind at a place on the line of all weights laid end to end. */
function kindAt(place: number): CaseKind {
  let end = 0;
  for (const [kind, weight] of WEIGHTS) {
    end += weight;
    if (place < end) return kind;
  }
  return "dense";
}

/** Some need a neighbour of another kind: a stop to be at instead, or a stop to be next to. */
function fitting(kind: CaseKind, kinds: readonly CaseKind[], index: number): CaseKind {
  const next = kinds[index + 1];
  if (kind === "wrong stop" || kind === "signed late") return next === "dense" ? kind : "dense";
  if (kind === "next door") return kinds[index - 1] === "dense" ? kind : "dense";
  return kind;
}
