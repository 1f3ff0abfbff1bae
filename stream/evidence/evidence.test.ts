import { expect, test } from "vitest";
import { buildArchive, packed } from "./archive.ts";
import { canonicalJson, sha256Hex, verdictContent } from "./bundle.ts";
import { chainSha256 } from "./chain.ts";
import { exampleArchive, exampleParts } from "./example-archive.ts";
import { verifyArchive } from "./verify-archive.ts";

test("an archive that nobody touched is verified", () => {
  const verification = verifyArchive(exampleArchive(1));
  expect(verification).toMatchObject({ kind: "verified", podId: "1", entries: 2, absent: 0 });
});

test("the same evidence gives the same bundle, in whatever order its parts come", () => {
  const parts = exampleParts(3);
  const before = { version: 1, sha256: null };
  const shuffled = { ...parts, frames: parts.frames.toReversed(), records: parts.records.toReversed() };
  expect(canonicalJson(verdictContent(shuffled, before))).toBe(canonicalJson(verdictContent(parts, before)));
  expect(sha256Hex(canonicalJson(verdictContent(exampleParts(3), before)))).toBe(
    sha256Hex(canonicalJson(verdictContent(parts, before))),
  );
});

test("any flipped bit of an archive is found", () => {
  const archive = exampleArchive(7);
  for (let at = 0; at < archive.length; at += 3) {
    const flipped = Uint8Array.from(archive);
    flipped[at]! ^= 1 << (at % 8);
    expect([at, verifyArchive(flipped).kind]).toEqual([at, "failed"]);
  }
});

test("the element that fails is named", () => {
  const changed = (name: string, change: (text: string) => string): string => {
    const parts = exampleParts(5);
    const archive = exampleArchive(5, (file) =>
      file.name === name
        ? { name, bytes: Buffer.from(change(Buffer.from(file.bytes).toString("latin1")), "latin1") }
        : file,
    );
    const verification = verifyArchive(archive);
    expect(parts.records.length).toBeGreaterThan(2);
    return verification.kind === "failed" ? verification.element : "none";
  };
  expect(changed("frames/11", (text) => `${text}!`)).toBe("frames/11");
  expect(changed("artefacts/4", (text) => text.replace("p", "q"))).toBe("artefacts/4");
  expect(changed("material/2.jsonl", (text) => text.replace('"latDeg":41.1502', '"latDeg":41.1503'))).toBe("fix 22529");
  expect(changed("entries/2.json", (text) => text.replace('"podVersion":2', '"podVersion":3'))).toBe("entries/2.json");
});

test("an entry that was left out, or that stands in another place, breaks the chain", () => {
  const hash = (text: string): string => sha256Hex(text);
  const first = { position: 1, contentSha256: hash("a"), chainSha256: chainSha256("0".repeat(64), 1, hash("a")) };
  const third = { position: 3, contentSha256: hash("c"), chainSha256: chainSha256(first.chainSha256, 3, hash("c")) };
  const archive = buildArchive({ podId: "1", exportedAt: "", chain: [first, third], files: [], absent: [] });
  expect(verifyArchive(archive)).toMatchObject({ kind: "failed", element: "chain position 3" });
});

test("what is no archive is said to be none", () => {
  expect(verifyArchive(new Uint8Array(10)).kind).toBe("failed");
  expect(verifyArchive(Buffer.from("not an archive at all, but rather long")).kind).toBe("failed");
});

test("the archive's bytes stay what they are from release to release", () => {
  const files = ["a", "folder/b"].map((name) => ({ name, bytes: Buffer.from(`content of ${name}`) }));
  expect(sha256Hex(packed(files))).toMatchInlineSnapshot(
    `"90d9fbecced2bdbf87500a3e22656904c9fbea2e16d0f17c528f0ecc58d80bde"`,
  );
});
