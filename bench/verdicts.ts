import { createHash } from "node:crypto";
import { scoreVerdicts } from "#simulator/pods/score-verdicts.ts";
import { seededRandom } from "#simulator/random.ts";
import { exampleArchive } from "#stream/evidence/example-archive.ts";
import { verifyArchive } from "#stream/evidence/verify-archive.ts";
import { printGoal, printTable } from "./measure.ts";

/** Verdicts on simulated proofs of delivery: honest days, however unlucky, and frauds. And bundles with a byte changed. */

const PODS_MIN = Number(process.argv[2] ?? 12_000);
const SEED = 2026;

const score = scoreVerdicts(SEED, PODS_MIN);
printTable(
  "Verdicts by what happened",
  score.byKind.map(({ kind, pods, verdicts, accusedAtReceipt }) => ({
    ...{ kind, pods, corroborated: verdicts.corroborated, "with exceptions": verdicts.corroborated_with_exceptions },
    ...{ inconclusive: verdicts.inconclusive, contradicted: verdicts.contradicted },
    ...{ "not evaluated": verdicts.not_evaluated, "contradicted at receipt": accusedAtReceipt },
  })),
);

/** Wilson score interval of 95 %. */
function wilson(successes: number, trials: number): [low: number, high: number] {
  const z = 1.959964;
  const share = successes / trials;
  const middle = share + (z * z) / (2 * trials);
  const spread = z * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials));
  const scale = 1 + (z * z) / trials;
  return [(middle - spread) / scale, (middle + spread) / scale];
}

const rates = {
  "contradicted precision": [score.contradicted - score.honestAccused, score.contradicted],
  "recall of hard frauds": [score.contradictedFrauds, score.frauds],
  "honest accused": [score.honestAccused, score.honest],
  "honest with dense data corroborated": [score.denseCorroborated, score.denseHonest],
} as const;
printTable(
  `${score.pods} PODs, Wilson intervals of 95 %`,
  Object.entries(rates).map(([rate, [successes, trials]]) => {
    const [low, high] = wilson(successes, trials);
    return { rate, of: trials, share: successes / trials, low, high };
  }),
);
const shareOf = ([successes, trials]: readonly [number, number]): number => successes / trials;
const precision = shareOf(rates["contradicted precision"]);
const recall = shareOf(rates["recall of hard frauds"]);
const accused = shareOf(rates["honest accused"]);
const dense = shareOf(rates["honest with dense data corroborated"]);
printGoal("contradicted precision at least 0.99", precision, precision >= 0.99);
printGoal("recall of hard frauds at least 0.95", recall, recall >= 0.95);
printGoal("honest accused at most 0.01", accused, accused <= 0.01);
printGoal("honest with dense data corroborated at least 0.95", dense, dense >= 0.95);
printGoal(
  "temperature results that are wrong, of the cold loads",
  score.coldWrong,
  score.coldWrong <= score.cold * 0.01,
);
const digest = createHash("sha256").update(JSON.stringify(score)).digest("hex");
console.log(`score digest ${digest.slice(0, 16)}: the same for the same seed on every machine`);

const BUNDLES = 1_000;
const FLIPS_EACH = 10;
const random = seededRandom(SEED, "flips");
const bundles = createHash("sha256");
let [intact, unseen, flips] = [0, 0, 0];
for (let seed = 0; seed < BUNDLES; seed++) {
  const archive = exampleArchive(seed);
  bundles.update(archive);
  if (verifyArchive(archive).kind === "verified") intact++;
  for (let flip = 0; flip < FLIPS_EACH; flip++) {
    const flipped = Uint8Array.from(archive);
    const at = Math.floor(random() * flipped.length);
    flipped[at] = flipped[at]! ^ (1 + Math.floor(random() * 255));
    flips++;
    if (verifyArchive(flipped).kind === "verified") unseen++;
  }
}
printGoal(`bundles verified as they are, of ${BUNDLES}`, intact, intact === BUNDLES);
printGoal(`changed bytes not found, of ${flips} in ${BUNDLES} bundles`, unseen, unseen === 0);
console.log(`bundles digest ${bundles.digest("hex").slice(0, 16)}`);
