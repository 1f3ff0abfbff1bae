import { unzipSync } from "fflate";
import { ARCHIVE_FORMAT, type Manifest, packed } from "./archive.ts";
import { canonicalJson, sha256Hex, type VerdictContent } from "./bundle.ts";
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
    const previous = new Map<string, string>();
    const positions = [...files.keys()].flatMap((name) => /^entries\/(\d+)\.json$/.exec(name)?.[1] ?? []);
    const ordered = positions.map(Number).toSorted((a, b) => a - b);
    for (const position of ordered) checked += checkEntry(files, manifest, links, position, previous);
    if (ordered.length === 0) throw new Failure("entries", "there is no entry");
    checkBytes(bytes, files);
    const { podId, head, absent } = manifest;
    return { kind: "verified", podId, head, entries: ordered.length, checked, absent: absent.length };
  } catch (error) {
    if (error instanceof Failure) return { kind: "failed", element: error.element, detail: error.message };
    throw error;
  }
}

type Files = ReadonlyMap<string, Uint8Array>;

function unpacked(bytes: Uint8Array): Files {
  if (bytes.length > ARCHIVE_BYTES_MAX) throw new Failure("archive", "it is too large");
  try {
    return new Map(
      Object.entries(unzipSync(bytes, { filter: ({ originalSize }) => originalSize <= ARCHIVE_BYTES_MAX })),
    );
  } catch (error) {
    throw new Failure("archive", `it can't be unpacked: ${String(error)}`);
  }
}

function fileOf(files: Files, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes === undefined) throw new Failure(name, "is not there");
  return bytes;
}

/** JSON that is byte for byte what canonical JSON makes of it. */
function jsonOf<Value>(name: string, bytes: Uint8Array): Value {
  const text = Buffer.from(bytes).toString();
  let value: Value;
  try {
    value = JSON.parse(text) as Value;
  } catch {
    throw new Failure(name, "is no JSON");
  }
  if (canonicalJson(value) !== text) throw new Failure(name, "is not canonical");
  return value;
}

function expectHash(element: string, bytes: Uint8Array | string, wanted: string | undefined): void {
  const found = sha256Hex(bytes);
  if (found !== wanted) throw new Failure(element, `its SHA-256 is ${found}, not ${wanted ?? "named at all"}`);
}

function checkManifest(files: Files): Manifest {
  const bytes = fileOf(files, "manifest.json");
  expectHash("manifest.json", bytes, Buffer.from(fileOf(files, "manifest.sha256")).toString());
  const manifest = jsonOf<Manifest>("manifest.json", bytes);
  if (manifest.format !== ARCHIVE_FORMAT) throw new Failure("manifest.json", `its format is ${manifest.format}`);
  for (const { name, sha256 } of manifest.files) expectHash(name, fileOf(files, name), sha256);
  const named = new Set(["manifest.json", "manifest.sha256", ...manifest.files.map(({ name }) => name)]);
  for (const name of files.keys()) if (!named.has(name)) throw new Failure(name, "is not in the manifest");
  return manifest;
}

function checkChain(files: Files, { head }: Manifest): ReadonlyMap<number, ChainLink> {
  const chain = jsonOf<ChainLink[]>("chain.json", fileOf(files, "chain.json"));
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
  manifest: Manifest,
  links: ReadonlyMap<number, ChainLink>,
  position: number,
  previous: Map<string, string>,
): number {
  const name = `entries/${position}.json`;
  const bytes = fileOf(files, name);
  expectHash(name, bytes, links.get(position)?.contentSha256);
  const content = jsonOf<VerdictContent | { kind: "override" | "erasure" }>(name, bytes);
  if (content.kind !== "verdict") return 1;
  if (content.previous !== (previous.get(content.podId) ?? null))
    throw new Failure(name, "does not name the version before it");
  previous.set(content.podId, sha256Hex(bytes));
  return 1 + checkRecords(files, position, content) + checkNamed(files, manifest, content);
}

function checkRecords(files: Files, position: number, content: VerdictContent): number {
  const name = `material/${position}.jsonl`;
  const lines = Buffer.from(fileOf(files, name)).toString().split("\n");
  if (lines.pop() !== "") throw new Failure(name, "is cut off");
  if (lines.length !== content.records.length)
    throw new Failure(name, `has ${lines.length} records, not ${content.records.length}`);
  for (const [index, [kind, id, sha256]] of content.records.entries()) {
    const element = `${kind} ${id}`;
    const record = jsonOf<{ kind: string; id: string; value: object }>(element, Buffer.from(lines[index]!));
    if (record.kind !== kind || record.id !== id)
      throw new Failure(element, `${record.kind} ${record.id} is in its place`);
    expectHash(element, canonicalJson(record.value), sha256);
  }
  return lines.length;
}

function checkNamed(files: Files, { absent }: Manifest, { frames, artefacts }: VerdictContent): number {
  const named = [
    ...frames.map(([seq, sha256]) => [`frames/${seq}`, sha256] as const),
    ...artefacts.map(({ id, sha256 }) => [`artefacts/${id}`, sha256] as const),
  ];
  let checked = 0;
  for (const [name, sha256] of named) {
    if (absent.some((one) => one.name === name)) continue;
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
