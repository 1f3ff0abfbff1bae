import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ANSWERING_FILES, breakOrder } from "./break-order.ts";

test.each(ANSWERING_FILES)("the counterproof finds where %s answers after its commit, and swaps the two", (file) => {
  const source = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
  const broken = breakOrder(source);
  expect(broken).toBeDefined();
  const firstAnswer = /this\.#answer\(/;
  const firstAppend = /journal\.append\(/;
  expect(source.search(firstAppend)).toBeLessThan(source.search(firstAnswer));
  expect(broken!.search(firstAnswer)).toBeLessThan(broken!.search(firstAppend));
  expect(broken!.replace(/\s/g, "")).toHaveLength(source.replace(/\s/g, "").length);
});

test("a source that answers elsewhere is not touched", () => {
  expect(breakOrder("await journal.append(kept);")).toBeUndefined();
});
