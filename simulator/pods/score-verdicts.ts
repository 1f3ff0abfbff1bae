import { judge, type VerdictName } from "#stream/verdict/judge.ts";
import { seededRandom } from "../random.ts";
import { type CaseKind, isFraud } from "./case-kinds.ts";
import { simulatePodDay } from "./day-cases.ts";

export type KindScore = {
  kind: CaseKind;
  pods: number;
  verdicts: Record<VerdictName, number>;
  accusedAtReceipt: number;
};

export type VerdictScore = {
  pods: number;
  byKind: KindScore[];
  frauds: number;
  contradicted: number;
  contradictedFrauds: number;
  honest: number;
  /** Contradicted although honest, when the POD came in or when all telemetry had. */
  honestAccused: number;
  denseHonest: number;
  denseCorroborated: number;
  /** PODs with temperature limits whose result is not what the load went through. */
  coldWrong: number;
  cold: number;
};

/** Judges simulated PODs, ten a day, until there are at least `podsMin`. The same seed gives the same score. */
export function scoreVerdicts(seed: number, podsMin: number): VerdictScore {
  const kinds = new Map<CaseKind, KindScore>();
  const score: VerdictScore = {
    ...{ pods: 0, byKind: [], frauds: 0, contradicted: 0, contradictedFrauds: 0, honest: 0, honestAccused: 0 },
    ...{ denseHonest: 0, denseCorroborated: 0, coldWrong: 0, cold: 0 },
  };
  for (let day = 0; score.pods < podsMin; day++) {
    for (const { kind, atReceipt, atLast } of simulatePodDay(seededRandom(seed, `pods ${day}`), day)) {
      const first = judge(atReceipt).verdict;
      const { verdict, temperature } = judge(atLast);
      const of = kinds.get(kind) ?? emptyScore(kind);
      kinds.set(kind, of);
      of.pods++;
      of.verdicts[verdict]++;
      score.pods++;
      const isAccused = first === "contradicted" || verdict === "contradicted";
      if (first === "contradicted") of.accusedAtReceipt++;
      if (isAccused) score.contradicted++;
      if (isFraud(kind)) {
        score.frauds++;
        if (verdict === "contradicted") score.contradictedFrauds++;
      } else {
        score.honest++;
        if (isAccused) score.honestAccused++;
      }
      if (kind === "dense") {
        score.denseHonest++;
        if (verdict.startsWith("corroborated")) score.denseCorroborated++;
      }
      if (temperature === null) continue;
      const due = kind === "temperature excursion" ? "excursion" : kind === "probe gap" ? "unknown" : "within";
      score.cold++;
      if (temperature.result !== due) score.coldWrong++;
    }
  }
  score.byKind = [...kinds.values()].toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
  return score;
}

function emptyScore(kind: CaseKind): KindScore {
  const none = { corroborated: 0, corroborated_with_exceptions: 0, inconclusive: 0, contradicted: 0, not_evaluated: 0 };
  return { kind, pods: 0, verdicts: none, accusedAtReceipt: 0 };
}
