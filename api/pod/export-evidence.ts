import { inflateSync } from "node:zlib";
import { listArtefacts, openArtefact } from "#store/artefacts.ts";
import type { Database } from "#store/database.ts";
import { type EvidenceEntry, readEvidence } from "#store/evidence.ts";
import { readFrameBytes } from "#store/evidence-frames.ts";
import { type Absent, type ArchiveFile, buildArchive } from "#stream/evidence/archive.ts";
import type { VerdictContent } from "#stream/evidence/bundle.ts";

/**
 * A POD's evidence as an archive that can be checked without us. Every artefact in it is recorded as exported. Undefined
 * before the first verdict.
 */
export async function exportEvidence(
  database: Database,
  pod: { fleetId: number; podId: string },
  who: string,
  nowMs: number,
): Promise<Uint8Array | undefined> {
  const { entries, links } = await readEvidence(database, pod);
  if (entries.length === 0) return undefined;
  const contents = entries.map(
    ({ content }) => JSON.parse(content) as VerdictContent | { kind: "override" | "erasure" },
  );
  const verdicts = contents.filter((content) => content.kind === "verdict");
  const absent: Absent[] = [];
  const files = [
    ...entries.flatMap(entryFiles),
    ...(await frameFiles(database, verdicts, absent)),
    ...(await artefactFiles(database, pod.podId, who, absent)),
  ];
  const chain = links.map(({ position, contentSha256, chainSha256 }) => {
    return { position, contentSha256: contentSha256.toString("hex"), chainSha256: chainSha256.toString("hex") };
  });
  return buildArchive({ podId: pod.podId, exportedAt: new Date(nowMs).toISOString(), chain, files, absent });
}

function entryFiles({ position, content, material }: EvidenceEntry): ArchiveFile[] {
  const entry = { name: `entries/${position}.json`, bytes: Buffer.from(content) };
  return material === null ? [entry] : [entry, { name: `material/${position}.jsonl`, bytes: inflateSync(material) }];
}

async function frameFiles(
  database: Database,
  verdicts: readonly VerdictContent[],
  absent: Absent[],
): Promise<ArchiveFile[]> {
  const seqs = [...new Set(verdicts.flatMap(({ frames }) => frames.map(([seq]) => seq)))];
  const kept = await readFrameBytes(database, seqs.map(Number));
  return seqs.flatMap((seq) => {
    const name = `frames/${seq}`;
    const bytes = kept.get(Number(seq));
    if (bytes !== undefined) return [{ name, bytes }];
    absent.push({ name, reason: "past retention" });
    return [];
  });
}

async function artefactFiles(database: Database, podId: string, who: string, absent: Absent[]): Promise<ArchiveFile[]> {
  const files: ArchiveFile[] = [];
  for (const { artefactId } of await listArtefacts(database, [podId])) {
    const name = `artefacts/${artefactId}`;
    const opened = await openArtefact(database, artefactId, who, "exported");
    if (opened === undefined) absent.push({ name, reason: "erased" });
    else files.push({ name, bytes: opened.bytes });
  }
  return files;
}
