import fc from "fast-check";

/**
 * Vitest's set-up file: property tests draw the same inputs in every run, so that a run is judged by the change it tests. New inputs are for
 * `npm run fuzz -- --seed N` and for PROPERTY_SEED.
 */
const SEED = 20_261_122;

fc.configureGlobal({ seed: Number(process.env.PROPERTY_SEED ?? SEED) });
