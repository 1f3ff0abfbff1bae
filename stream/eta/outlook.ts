/**
 * The expected arrival before calibration: a middle and a deviation, and a rest of a known length that comes in between
 * with some chance. Each of the two cases is a Student distribution of 2 degrees of freedom: its tails are as heavy as those
 * of real errors, and both its function and the inverse are closed. Times are Unix milliseconds.
 */
export type Outlook = { expectedMs: number; spreadS: number; restShare: number; restS: number };

const BISECTIONS = 40;
/** Below this chance of the one or the other the mixture is not worth solving. */
const SHARE_MIN = 0.003;

/** How far into the outlook a time lies, in deviations of the equivalent single distribution. */
export function standardised(outlook: Outlook, timeMs: number): number {
  const { restShare } = outlook;
  const z = (timeMs - outlook.expectedMs) / 1000 / outlook.spreadS;
  if (restShare < SHARE_MIN) return z;
  const rested = z - outlook.restS / outlook.spreadS;
  if (restShare > 1 - SHARE_MIN) return rested;
  // Tails are taken from the side on which they are small: 1 − F would lose its digits.
  return z < 0
    ? quantileBelow((1 - restShare) * below(z) + restShare * below(rested))
    : -quantileBelow((1 - restShare) * below(-z) + restShare * below(-rested));
}

/** The time that lies so many deviations into the outlook. */
export function timeAt(outlook: Outlook, z: number): number {
  const { expectedMs, spreadS, restShare, restS } = outlook;
  const plainMs = expectedMs + z * spreadS * 1000;
  if (restShare < SHARE_MIN) return plainMs;
  if (restShare > 1 - SHARE_MIN) return plainMs + restS * 1000;
  let [low, high] = [plainMs, plainMs + restS * 1000];
  for (let i = 0; i < BISECTIONS && high - low > 500; i++) {
    const middle = (low + high) / 2;
    if (standardised(outlook, middle) < z) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Distribution function of the Student distribution with 2 degrees of freedom, exact in the lower tail. */
function below(z: number): number {
  const root = Math.sqrt(2 + z * z);
  return z < 0 ? 1 / (root * (root - z)) : 0.5 + z / (2 * root);
}

function quantileBelow(share: number): number {
  return (2 * share - 1) / Math.sqrt(2 * share * (1 - share));
}
