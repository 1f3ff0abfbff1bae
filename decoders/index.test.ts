import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fuzz, goldenSeeds } from "./fuzz.ts";
import { decoders, findDecoder } from "./index.ts";

const FUZZ_INPUTS = 100_000;
/** Seconds on an idle machine; a loaded one must not fail for it. */
const FUZZ_TIMEOUT_MS = 300_000;

test("a decoder is found by its name and nothing else is", () => {
  for (const decoder of Object.values(decoders)) expect(findDecoder(decoder.protocol)).toBe(decoder);
  expect(findDecoder("toString")).toBeUndefined();
  expect(findDecoder("carrier-pigeon")).toBeUndefined();
});

describe.each(Object.values(decoders))("the registered decoder of $protocol", (decoder) => {
  const folder = join(import.meta.dirname, decoder.protocol);

  test("stands in its own folder, with a README and the conformance suite", () => {
    expect(existsSync(join(folder, "README.md"))).toBe(true);
    expect(readFileSync(join(folder, "conformance.test.ts"), "utf8")).toContain("describeConformance(");
  });

  test(
    `survives ${FUZZ_INPUTS} random and mutated inputs without a throw, an over-read or growth`,
    () => {
      const seeds = goldenSeeds(decoder.protocol);
      expect(seeds.length).toBeGreaterThan(0);
      const summary = fuzz({ decoder, seeds, count: FUZZ_INPUTS, seed: 20_261_122 });
      expect(summary.inputs).toBe(FUZZ_INPUTS);
      expect(summary.decoded).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT_MS,
  );
});
