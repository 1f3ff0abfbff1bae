import { unzipSync, zipSync } from "fflate";
import { expect, test } from "vitest";
import { type ArchiveFile, buildArchive, packed } from "./archive.ts";
import { canonicalJson, sha256Hex, verdictContent } from "./bundle.ts";
import { type ChainLink, chainSha256 } from "./chain.ts";
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

/** The files of an example, for somebody to make another archive of. */
function filesOf(seed: number): { files: ArchiveFile[]; chain: ChainLink[] } {
  const all = Object.entries(unzipSync(exampleArchive(seed))).map(([name, bytes]) => ({ name, bytes }));
  const chain = JSON.parse(Buffer.from(all.find(({ name }) => name === "chain.json")!.bytes).toString()) as ChainLink[];
  return { files: all.filter(({ name }) => !/^(manifest|chain)\./.test(name)), chain };
}

test("evidence of one proof is none of another, and a picture is not left out in silence", () => {
  const parts = { ...filesOf(6), exportedAt: "", absent: [] };
  expect(verifyArchive(buildArchive({ ...parts, podId: "6" })).kind).toBe("verified");
  expect(verifyArchive(buildArchive({ ...parts, podId: "7" }))).toMatchObject({
    kind: "failed",
    element: "entries/1.json",
  });
  const files = parts.files.filter(({ name }) => name !== "artefacts/4");
  const absent = [{ name: "artefacts/4", reason: "erased" as const }];
  expect(verifyArchive(buildArchive({ ...parts, podId: "6", files, absent }))).toMatchObject({
    kind: "failed",
    element: "artefacts/4",
  });
});

test("an archive that unpacks to more than it is takes no memory, however it says so", () => {
  const bomb = zipSync({ "manifest.json": [new Uint8Array(50_000_000), { level: 9 }] });
  expect(verifyArchive(bomb)).toMatchObject({ kind: "failed", detail: "is not stored as it is" });
  // Every entry of the list points at the same bytes.
  const archive = Buffer.from(
    zipSync(Object.fromEntries(["a", "b", "c"].map((name) => [name, new Uint8Array(9_000)])), { level: 0 }),
  );
  const list = archive.indexOf(Buffer.from("PK\x01\x02", "latin1"));
  const first = archive.indexOf(Buffer.from("PK\x03\x04", "latin1"), 100);
  const short = Buffer.concat([archive.subarray(0, first), archive.subarray(list)]);
  short.writeUInt32LE(first, short.length - 6);
  expect(verifyArchive(short)).toMatchObject({ kind: "failed", detail: "is more than the archive holds" });
});

test.each([
  "{}",
  "[]",
  "null",
  '{"absent":[],"files":null,"format":"telematics-evidence-archive/1"}',
  `{"a":${"[".repeat(9e4)}${"]".repeat(9e4)}}`,
])("a manifest of another form is named: %.60s", (text) => {
  const files = [
    { name: "manifest.json", bytes: Buffer.from(text) },
    { name: "manifest.sha256", bytes: Buffer.from(sha256Hex(text)) },
  ];
  expect(verifyArchive(packed(files))).toMatchObject({ kind: "failed", element: "manifest.json" });
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
