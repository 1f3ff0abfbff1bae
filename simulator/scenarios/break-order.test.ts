import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ANSWER, ANSWERING_FILES, breakOrder, COMMIT, OFFER } from "./break-order.ts";

const sourceOf = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
const offering = ANSWERING_FILES.filter((file) => OFFER.test(sourceOf(file)));
const awaiting = ANSWERING_FILES.filter((file) => !offering.includes(file));

test.each(offering)(
  "the counterproof finds where %s waits for a receipt, and hands it one before the commit",
  (file) => {
    const source = sourceOf(file);
    const offer = OFFER.exec(source)!;
    const told = `${offer[1]}.committed(0);\n`;
    expect(breakOrder(source)).toBe(source.slice(0, offer.index) + told + source.slice(offer.index));
  },
);

test.each(awaiting)("the counterproof finds where %s answers after its commit, and swaps the two", (file) => {
  const source = sourceOf(file);
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

test("each file waits in one of the two ways", () => {
  expect([offering.length, awaiting.length]).toEqual([1, 3]);
});

test("a source that answers elsewhere is not touched", () => {
  expect(breakOrder("await journal.append(kept);")).toBeUndefined();
});
