import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ANSWER, ANSWERING_FILES, breakOrder, COMMIT } from "./break-order.ts";

test.each(ANSWERING_FILES)("the counterproof finds where %s answers after its commit, and swaps the two", (file) => {
  const source = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
  const broken = breakOrder(source);
  expect(broken).toBeDefined();
  const commitAt = source.search(COMMIT);
  const answer = ANSWER.exec(source.slice(commitAt))![0];
  // Up to the commit all is as before; there the answer now stands, and the commit right behind it.
  expect(broken!.slice(0, commitAt)).toBe(source.slice(0, commitAt));
  expect(broken!.slice(commitAt).startsWith(answer)).toBe(true);
  expect(
    broken!
      .slice(commitAt + answer.length)
      .trimStart()
      .search(COMMIT),
  ).toBe(0);
  expect(broken!.replace(/\s/g, "")).toHaveLength(source.replace(/\s/g, "").length);
});

test("a source that answers elsewhere is not touched", () => {
  expect(breakOrder("await journal.append(kept);")).toBeUndefined();
});
