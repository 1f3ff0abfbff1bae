import { type UnzipFileInfo, unzipSync } from "fflate";
import { type Static, type TSchema, Type } from "typebox";
import { Value } from "typebox/value";
import { ARCHIVE_FORMAT, type Manifest, packed } from "./archive.ts";
import { canonicalJson, sha256Hex } from "./bundle.ts";
import { CHAIN_START, type ChainLink, chainSha256 } from "./chain.ts";

export type Verification =
  | { kind: "verified"; podId: string; head: Manifest["head"]; entries: number; checked: number; absent: number }
  /** `element`: the first thing that is not what it was. */
  | { kind: "failed"; element: string; detail: string };

/** An archive is read into memory. */
export const ARCHIVE_BYTES_MAX = 1_073_741_824;

class Failure extends Error {
  readonly element: string;
  constructor(element: string, detail: string) {
    super(detail);
    this.element = element;
  }
}

/**
 * Checks an exported archive by itself: every file against the manifest, every link against the one before it, every
 * entry against its link, every record, frame and artefact against the entry that names it, and at last the archive's own
 * bytes, so that no byte of it can change unseen. What the chain's head should be only the gateway knows.
 */
export function verifyArchive(bytes: Uint8Array): Verification {
  try {
    const files = unpacked(bytes);
    const manifest = checkManifest(files);
    const links = checkChain(files, manifest);
    let checked = 0;
    const seen: Seen = { previous: null, missingArtefact: null, isErased: false };
    const positions = [...files.keys()].flatMap((name) => /^entries\/(\d+)\.json$/.exec(name)?.[1] ?? []);
    const ordered = positions.map(Number).toSorted((a, b) => a - b);
    for (const position of ordered) checked += checkEntry(files, manifest, links, position, seen);
    if (ordered.length === 0) throw new Failure("entries", "there is no entry");
    if (seen.missingArtefact !== null && !seen.isErased)
      throw new Failure(seen.missingArtefact, "is not there, and no entry says that it was erased");
    checkBytes(bytes, files);
    const { podId, head, absent } = manifest;
    return { kind: "verified", podId, head, entries: ordered.length, checked, absent: absent.length };
  } catch (error) {
    if (error instanceof Failure) return { kind: "failed", element: error.element, detail: error.message };
    throw error;
  }
}

/** What the entries up to here have said. */
type Seen = {
  /** Hash of the newest version of the verdict. */
  previous: string | null;
  missingArtefact: string | null;
  isErased: boolean;
};

const Hash = Type.String({ pattern: "^[0-9a-f]{64}$" });
const Position = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** What is read of the files; whatever else stands in them is held by their hashes. */
const ManifestForm = Type.Object({
  format: Type.Literal(ARCHIVE_FORMAT),
  podId: Type.String(),
  head: Type.Object({ position: Position, chainSha256: Hash }),
  files: Type.Array(Type.Object({ name: Type.String(), sha256: Hash })),
  absent: Type.Array(Type.Object({ name: Type.String() })),
});
const ChainForm = Type.Array(Type.Object({ position: Position, contentSha256: Hash, chainSha256: Hash }));
const VerdictForm = Type.Object({
  kind: Type.Literal("verdict"),
  podId: Type.String(),
  previous: Type.Union([Hash, Type.Null()]),
  frames: Type.Array(Type.Tuple([Type.String(), Hash])),
  records: Type.Array(Type.Tuple([Type.String(), Type.String(), Hash])),
  artefacts: Type.Array(Type.Object({ id: Type.String(), sha256: Hash })),
});
type VerdictEntry = Static<typeof VerdictForm>;
const EntryForm = Type.Union([
  VerdictForm,
  Type.Object({ kind: Type.Enum(["override", "erasure"]), podId: Type.String() }),
]);
const RecordForm = Type.Object({ kind: Type.String(), id: Type.String(), value: Type.Unknown() });

type Files = ReadonlyMap<string, Uint8Array>;

function unpacked(bytes: Uint8Array): Files {
  if (bytes.length > ARCHIVE_BYTES_MAX) throw new Failure("archive", "it is too large");
  try {
    return new Map(Object.entries(unzipSync(bytes, { filter: storedWithin(bytes.length) })));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("archive", `it can't be unpacked: ${String(error)}`);
  }
}

/** Files are stored as they are, each once: together they are no larger than what they are in, whatever it says. */
function storedWithin(archiveBytes: number): (file: UnzipFileInfo) => boolean {
  let left = archiveBytes;
  return ({ name, size, originalSize, compression }) => {
    if (compression !== 0 || size !== originalSize) throw new Failure(name, "is not stored as it is");
    left -= size;
    if (left < 0) throw new Failure(name, "is more than the archive holds");
    return true;
  };
}

function fileOf(files: Files, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes === undefined) throw new Failure(name, "is not there");
  return bytes;
}

/** JSON that is byte for byte what canonical JSON makes of it. */
function jsonOf<Schema extends TSchema>(schema: Schema, name: string, bytes: Uint8Array): Static<Schema> {
  const text = Buffer.from(bytes).toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Failure(name, "is no JSON");
  }
  if (!Value.Check(schema, value)) throw new Failure(name, "is not of its form");
  if (!isCanonical(value, text)) throw new Failure(name, "is not canonical");
  return value;
}

/** What is nested so deeply that it can't be written again was not written by us. */
function isCanonical(value: unknown, text: string): boolean {
  try {
    return canonicalJson(value) === text;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function expectHash(element: string, bytes: Uint8Array | string, wanted: string | undefined): void {
  const found = sha256Hex(bytes);
  if (found !== wanted) throw new Failure(element, `its SHA-256 is ${found}, not ${wanted ?? "named at all"}`);
}

function checkManifest(files: Files): Static<typeof ManifestForm> {
  const bytes = fileOf(files, "manifest.json");
  expectHash("manifest.json", bytes, Buffer.from(fileOf(files, "manifest.sha256")).toString());
  const manifest = jsonOf(ManifestForm, "manifest.json", bytes);
  for (const { name, sha256 } of manifest.files) expectHash(name, fileOf(files, name), sha256);
  const named = new Set(["manifest.json", "manifest.sha256", ...manifest.files.map(({ name }) => name)]);
  for (const name of files.keys()) if (!named.has(name)) throw new Failure(name, "is not in the manifest");
  return manifest;
}

function checkChain(files: Files, { head }: Static<typeof ManifestForm>): ReadonlyMap<number, ChainLink> {
  const chain = jsonOf(ChainForm, "chain.json", fileOf(files, "chain.json"));
  let before: ChainLink = { position: 0, contentSha256: "", chainSha256: CHAIN_START };
  for (const [index, link] of chain.entries()) {
    const element = `chain position ${link.position}`;
    const isAnchor = index === 0 && link.position > 1;
    if (!isAnchor) {
      if (link.position !== before.position + 1) throw new Failure(element, "does not follow the one before it");
      const wanted = chainSha256(before.chainSha256, link.position, link.contentSha256);
      if (wanted !== link.chainSha256) throw new Failure(element, "is not linked to the one before it");
    }
    before = link;
  }
  if (before.position !== head.position || before.chainSha256 !== head.chainSha256)
    throw new Failure("chain.json", "does not end at the head that the manifest names");
  return new Map(chain.map((link) => [link.position, link]));
}

/** How many things were held against the entry. */
function checkEntry(
  files: Files,
  manifest: Static<typeof ManifestForm>,
  links: ReadonlyMap<number, ChainLink>,
  position: number,
  seen: Seen,
): number {
  const name = `entries/${position}.json`;
  const bytes = fileOf(files, name);
  expectHash(name, bytes, links.get(position)?.contentSha256);
  const content = jsonOf(EntryForm, name, bytes);
  if (content.podId !== manifest.podId) throw new Failure(name, "is about another proof");
  seen.isErased ||= content.kind === "erasure";
  if (content.kind !== "verdict") return 1;
  if (content.previous !== seen.previous) throw new Failure(name, "does not name the version before it");
  seen.previous = sha256Hex(bytes);
  return 1 + checkRecords(files, position, content) + checkNamed(files, manifest, content, seen);
}

function checkRecords(files: Files, position: number, content: VerdictEntry): number {
  const name = `material/${position}.jsonl`;
  const lines = Buffer.from(fileOf(files, name)).toString().split("\n");
  if (lines.pop() !== "") throw new Failure(name, "is cut off");
  if (lines.length !== content.records.length)
    throw new Failure(name, `has ${lines.length} records, not ${content.records.length}`);
  for (const [index, [kind, id, sha256]] of content.records.entries()) {
    const element = `${kind} ${id}`;
    const record = jsonOf(RecordForm, element, Buffer.from(lines[index]!));
    if (record.kind !== kind || record.id !== id)
      throw new Failure(element, `${record.kind} ${record.id} is in its place`);
    expectHash(element, canonicalJson(record.value), sha256);
  }
  return lines.length;
}

function checkNamed(
  files: Files,
  { absent }: Static<typeof ManifestForm>,
  { frames, artefacts }: VerdictEntry,
  seen: Seen,
): number {
  const named = [
    ...frames.map(([seq, sha256]) => [`frames/${seq}`, sha256] as const),
    ...artefacts.map(({ id, sha256 }) => [`artefacts/${id}`, sha256] as const),
  ];
  let checked = 0;
  for (const [name, sha256] of named) {
    if (absent.some((one) => one.name === name)) {
      if (name.startsWith("artefacts/")) seen.missingArtefact ??= name;
      continue;
    }
    expectHash(name, fileOf(files, name), sha256);
    checked++;
  }
  return checked;
}

/** Names, sizes and order are in the archive's own headers: packed again it must be the same. */
function checkBytes(bytes: Uint8Array, files: Files): void {
  const again = packed([...files].map(([name, content]) => ({ name, bytes: content })));
  const end = Math.max(bytes.length, again.length);
  for (let at = 0; at < end; at++) {
    if (bytes[at] !== again[at]) throw new Failure("archive", `byte ${at} is not what packing these files gives`);
  }
}
