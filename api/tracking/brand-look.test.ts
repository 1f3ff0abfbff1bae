import fc from "fast-check";
import { expect, test } from "vitest";
import { accentsOf, contrastOf } from "./brand-look.ts";
import { initialsOf } from "./facts.ts";

const anyColour = fc.integer({ min: 0, max: 0xffffff }).map((value) => `#${value.toString(16).padStart(6, "0")}`);

test("whatever the brand's colour, what is written in it or on it can be read", () => {
  fc.assert(
    fc.property(anyColour, (colour) => {
      const { light, dark } = accentsOf(colour);
      expect(contrastOf(light.accent, "#ffffff")).toBeGreaterThanOrEqual(4.5);
      expect(contrastOf(dark.accent, "#171d21")).toBeGreaterThanOrEqual(4.5);
      for (const { accent, ink } of [light, dark]) expect(contrastOf(accent, ink)).toBeGreaterThanOrEqual(4.5);
    }),
    { numRuns: 500 },
  );
});

test("a colour that can be read is left as it is", () => {
  expect(accentsOf("#c2185b").light.accent).toBe("#c2185b");
  expect(contrastOf("#000000", "#ffffff")).toBeCloseTo(21, 5);
});

test("of a recipient's name only initials are left", () => {
  const names = ["Ana de Sousa", "  Jörg-Peter  Ö. Müller ", "李 小龙", "", "--", "a b c d e f"];
  expect(names.map(initialsOf)).toEqual(["A. D. S.", "J. P. Ö. M.", "李. 小.", null, null, "A. B. C. D."]);
});
