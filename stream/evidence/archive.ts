import { type Zippable, zipSync } from "fflate";
import { canonicalJson, sha256Hex } from "./bundle.ts";
import type { ChainLink } from "./chain.ts";

/**
 * Evidence as one file that can be checked without us: a ZIP of stored (not compressed) files with fixed times, so that
 * the same files make the same archive.
 *
 *     manifest.json          what is in here, with sizes and SHA-256; what is not, and why
 *     manifest.sha256        of manifest.json
 *     chain.json             links of the fleet's chain from just before the first entry to the last
 *     entries/<n>.json       content of the entry at position n
 *     material/<n>.jsonl     the records that it names
 *     frames/<seq>           raw frames as the devices sent them
 *     artefacts/<id>         photos and signatures
 */

export const ARCHIVE_FORMAT = "telematics-evidence-archive/1";

export type ArchiveFile = { readonly name: string; readonly bytes: Uint8Array };

/** Something that an entry names and the archive lacks. */
export type Absent = { readonly name: string; readonly reason: "erased" | "past retention" };

export type Manifest = {
  readonly format: typeof ARCHIVE_FORMAT;
  readonly podId: string;
  readonly exportedAt: string;
  /** The link that the last entry here has. */
  readonly head: { readonly position: number; readonly chainSha256: string };
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
  readonly absent: readonly Absent[];
};

export type ArchiveParts = {
  readonly podId: string;
  readonly exportedAt: string;
  readonly chain: readonly ChainLink[];
  readonly files: readonly ArchiveFile[];
  readonly absent: readonly Absent[];
};

export function buildArchive({ podId, exportedAt, chain, files, absent }: ArchiveParts): Uint8Array {
  const last = chain.at(-1);
  if (last === undefined) throw new Error("an archive has at least one link");
  const all = [{ name: "chain.json", bytes: Buffer.from(canonicalJson(chain)) }, ...files];
  const sorted = all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const manifest: Manifest = {
    ...{ format: ARCHIVE_FORMAT, podId, exportedAt },
    head: { position: last.position, chainSha256: last.chainSha256 },
    files: sorted.map(({ name, bytes }) => ({ name, bytes: bytes.length, sha256: sha256Hex(bytes) })),
    absent,
  };
  const text = canonicalJson(manifest);
  return packed([
    { name: "manifest.json", bytes: Buffer.from(text) },
    { name: "manifest.sha256", bytes: Buffer.from(sha256Hex(text)) },
    ...sorted,
  ]);
}

/** ZIP counts from 1980 in local time; one fixed time in every zone. */
const FILE_TIME = new Date(1980, 0, 1);

/** The one way in which these files make an archive. */
export function packed(files: readonly ArchiveFile[]): Uint8Array {
  const zippable: Zippable = {};
  for (const { name, bytes } of files) zippable[name] = [bytes, { level: 0, mtime: FILE_TIME }];
  return zipSync(zippable);
}
