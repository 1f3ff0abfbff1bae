import { beforeAll, describe, expect, test } from "vitest";
import {
  type CaseResult,
  CORPUS_FOLDER,
  compareCorpus,
  corpusIsHere,
  corpusTable,
  explainedIds,
  readmeTable,
  reasonOf,
  unformatted,
} from "./corpus-comparison.ts";
import type { ProtocolName } from "./decoder.ts";

const here = corpusIsHere();
if (!here) console.warn(`skipped: the conformance corpus is not at ${CORPUS_FOLDER}`);

/** Fewer cases than these would mean that the comparison lost sight of them. */
const CASES_MIN = { teltonika: 30, queclink: 100, gt06: 90, owntracks: 4, osmand: 8 } as const;

describe.skipIf(!here)("the conformance corpus", () => {
  let results: Map<ProtocolName, CaseResult[]>;
  beforeAll(() => {
    results = compareCorpus();
  });

  test.each(Object.entries(CASES_MIN))("%s: at least %i cases are compared", (protocol, casesMin) => {
    expect(results.get(protocol as ProtocolName)?.length).toBeGreaterThanOrEqual(casesMin);
  });

  test("every case passes, is refused because its frame is damaged, or differs for a reason that is written down", () => {
    const unexplained = [...results.values()]
      .flat()
      .filter(({ id, outcome }) => outcome === "differs" && reasonOf(id) === "not explained");
    expect(unexplained).toEqual([]);
  });

  test("no reason is written down for a case that does not differ", () => {
    const differing = new Set(
      [...results.values()].flat().flatMap(({ id, outcome }) => (outcome === "differs" ? [id] : [])),
    );
    expect(explainedIds().filter((id) => !differing.has(id))).toEqual([]);
  });

  test("the table in the README is the table of these decoders", () => {
    expect(unformatted(readmeTable())).toBe(unformatted(corpusTable(results)));
  });
});
