import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import type { Verdict } from "../verdict/judge.ts";

/**
 * The content of a verdict's entry in the chain of evidence: canonical JSON (RFC 8785) that names everything the verdict
 * rests on by id and SHA-256, the rules it was judged by, and the verdict itself. The records that it names stand in the
 * material, one canonical JSON object a line.
 */

export const BUNDLE_FORMAT = "telematics-evidence/1";

/** Something named in a bundle. `kind`: fix, event, pod or fact; `value`: what is hashed. */
export type EvidenceRecord = {
  readonly kind: "fix" | "event" | "pod" | "context";
  readonly id: string;
  readonly value: object;
};

export type NamedHash = readonly [id: string, sha256: string];

export type VerdictContent = {
  readonly kind: "verdict";
  readonly format: typeof BUNDLE_FORMAT;
  readonly podId: string;
  readonly stopId: string;
  readonly routeId: string | null;
  readonly planVersion: number | null;
  readonly podVersion: number;
  /** Hash of the content of the version before. */
  readonly previous: string | null;
  readonly ruleVersion: number;
  readonly limits: string;
  readonly evaluatedAt: string;
  readonly frames: readonly NamedHash[];
  readonly records: readonly (readonly [kind: string, id: string, sha256: string])[];
  readonly artefacts: readonly {
    readonly id: string;
    readonly kind: string;
    readonly sha256: string;
    readonly sealedSha256: string;
  }[];
  readonly verdict: Verdict;
};

/** RFC 8785. Throws for what JSON can't hold. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new Error("not representable as JSON");
  return text;
}

export const sha256Hex = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

export type BundleParts = Pick<
  VerdictContent,
  "podId" | "stopId" | "routeId" | "planVersion" | "frames" | "artefacts" | "verdict"
> & {
  readonly evaluatedAtMs: number;
  /** The thresholds that the rules used. */
  readonly limits: object;
  readonly records: readonly EvidenceRecord[];
};

/** The same parts give the same content, byte for byte, in whatever order frames and records come. */
export function verdictContent(parts: BundleParts, before: { version: number; sha256: string | null }): VerdictContent {
  const { podId, stopId, routeId, planVersion, frames, artefacts, verdict, records } = parts;
  const named = records.map(({ kind, id, value }) => [kind, id, sha256Hex(canonicalJson(value))] as const);
  return {
    ...{ kind: "verdict", format: BUNDLE_FORMAT, podId, stopId, routeId, planVersion },
    ...{ podVersion: before.version, previous: before.sha256 },
    ...{ ruleVersion: verdict.ruleVersion, limits: sha256Hex(canonicalJson(parts.limits)) },
    evaluatedAt: new Date(parts.evaluatedAtMs).toISOString(),
    frames: frames.toSorted(byText),
    records: named.toSorted((a, b) => (a[0] === b[0] ? compare(a[1], b[1]) : compare(a[0], b[0]))),
    artefacts: artefacts.toSorted((a, b) => compare(a.id, b.id)),
    verdict,
  };
}

/** The records as lines, in the order in which the content names them. */
export function materialLines(records: readonly EvidenceRecord[]): string {
  const sorted = records.toSorted((a, b) => (a.kind === b.kind ? compare(a.id, b.id) : compare(a.kind, b.kind)));
  return sorted.map((record) => `${canonicalJson(record)}\n`).join("");
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byText = (a: NamedHash, b: NamedHash): number => compare(a[0], b[0]);
