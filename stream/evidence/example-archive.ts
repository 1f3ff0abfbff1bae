import type { Evidence } from "../verdict/evidence.ts";
import { judge } from "../verdict/judge.ts";
import { VERDICT_LIMITS } from "../verdict/limits.ts";
import { type ArchiveFile, buildArchive } from "./archive.ts";
import { type BundleParts, canonicalJson, materialLines, sha256Hex, verdictContent } from "./bundle.ts";
import { CHAIN_START, type ChainLink, chainSha256 } from "./chain.ts";

/** A made-up POD's evidence in two versions, for tests and for the bench that flips its bytes. */

const AT_MS = Date.UTC(2026, 10, 2, 9);

function exampleEvidence(seed: number): Evidence {
  const fixes = Array.from({ length: 6 }, (_, n) => ({
    ...{
      id: String(22_528 + n),
      timeMs: AT_MS + (n - 3) * 60_000,
      latDeg: 41.15 + n * 0.0002,
      lonDeg: -8.61 - seed / 1e4,
    },
    ...{ speedMps: n, sigmaM: 6, mock: false, doorOpen: null, ignition: true },
  }));
  return {
    ...{
      evaluatedAtMs: AT_MS + 3_600_000,
      planVersion: 1,
      otherStops: [],
      visits: [],
      otherPods: [],
      missingFields: [],
    },
    pod: {
      ...{ podId: String(seed), deviceTimeMs: AT_MS, sentAtMs: AT_MS, receivedAtMs: AT_MS + 900 },
      ...{ outcome: "delivered", position: null, mock: false },
    },
    stop: { stopId: "9", latDeg: 41.15, lonDeg: -8.61 },
    ...{ vehicle: { fixes, throughMs: AT_MS + 600_000 }, phone: null, artefacts: [], pinConfirmed: false },
    temperature: null,
  };
}

const frameOf = (seed: number, n: number): Buffer => Buffer.from(`frame ${n} of ${seed}`);
const photoOf = (seed: number): Buffer => Buffer.from(`photo ${seed}`);

export function exampleParts(seed: number): BundleParts {
  const evidence = exampleEvidence(seed);
  const fixes = evidence.vehicle?.fixes ?? [];
  return {
    ...{ podId: String(seed), stopId: "9", routeId: null, planVersion: 1, limits: VERDICT_LIMITS },
    evaluatedAtMs: evidence.evaluatedAtMs,
    frames: [10, 11].map((n) => [String(n), sha256Hex(frameOf(seed, n))] as const),
    records: fixes.map((fix) => ({ kind: "fix" as const, id: fix.id, value: fix })),
    artefacts: [{ id: "4", kind: "photo", sha256: sha256Hex(photoOf(seed)), sealedSha256: sha256Hex("sealed") }],
    verdict: judge(evidence),
  };
}

/** `tamper` changes files after the entries were made and before they are listed, as somebody careful would. */
export function exampleArchive(seed: number, tamper: (file: ArchiveFile) => ArchiveFile = (file) => file): Uint8Array {
  const parts = exampleParts(seed);
  const first = canonicalJson(verdictContent(parts, { version: 1, sha256: null }));
  const second = canonicalJson(verdictContent(parts, { version: 2, sha256: sha256Hex(first) }));
  const chain: ChainLink[] = [];
  for (const content of [first, second]) {
    const contentSha256 = sha256Hex(content);
    const position = chain.length + 1;
    const before = chain.at(-1)?.chainSha256 ?? CHAIN_START;
    chain.push({ position, contentSha256, chainSha256: chainSha256(before, position, contentSha256) });
  }
  const material = Buffer.from(materialLines(parts.records));
  const files: ArchiveFile[] = [
    { name: "entries/1.json", bytes: Buffer.from(first) },
    { name: "entries/2.json", bytes: Buffer.from(second) },
    { name: "material/1.jsonl", bytes: material },
    { name: "material/2.jsonl", bytes: material },
    { name: "frames/10", bytes: frameOf(seed, 10) },
    { name: "frames/11", bytes: frameOf(seed, 11) },
    { name: "artefacts/4", bytes: photoOf(seed) },
  ];
  const exportedAt = new Date(AT_MS).toISOString();
  return buildArchive({ podId: String(seed), exportedAt, chain, files: files.map(tamper), absent: [] });
}
