/** A source of numbers in [0, 1); every random choice of the simulator comes from one of these. */
export type Random = () => number;

/**
 * A generator that gives the same numbers for the same seed and purpose, on every machine.
 *
 * `purpose` separates the streams of one run (`"vehicle 7"`, `"kills"`), so that drawing more numbers for one of them
 * does not shift the others. Mulberry32 over an FNV-1a hash: plenty for traffic, not for secrets.
 */
export function seededRandom(seed: number, purpose: string): Random {
  let state = hash(`${seed}/${purpose}`);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** A number in [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random();
}

/** An integer in [0, count). */
export function pick(random: Random, count: number): number {
  return Math.floor(random() * count);
}

/** A normally distributed number, mean 0 and deviation 1 (Box and Muller 1958). */
export function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value;
}
