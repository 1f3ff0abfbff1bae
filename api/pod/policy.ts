import type { PodFields } from "./form-fields.ts";

/** What a proof may have to have. */
export const PROOF_PARTS = [
  "photo",
  "signature",
  "recipient",
  "relationship",
  "idCheck",
  "pin",
  "scans",
  "position",
] as const;
export type ProofPart = (typeof PROOF_PARTS)[number];

/** What a job asks of its proof: `refuse` what lacks something, or take it and `mark` it. */
export type ProofPolicy = {
  readonly requires: readonly ProofPart[];
  readonly lacking: "refuse" | "mark";
  /** What only the recipient was told; null: none. */
  readonly pin: string | null;
  /** Codes that must have been scanned. */
  readonly scans: readonly string[];
};

const PIN_PATTERN = /^\S{3,40}$/;

/**
 * The policy of a stop over that of its route, each `{"proof": {"requires": ["photo", …], "lacking": "refuse" | "mark",
 * "pin": "…", "scans": ["…"]}}`. What is not understood asks for nothing.
 */
export function proofPolicy(routePolicy: unknown, stopPolicy: unknown): ProofPolicy {
  const asked: Record<string, unknown> = { ...proofOf(routePolicy), ...proofOf(stopPolicy) };
  const { requires, lacking, pin, scans } = asked;
  return {
    requires: Array.isArray(requires) ? PROOF_PARTS.filter((part) => requires.includes(part)) : [],
    lacking: lacking === "refuse" ? "refuse" : "mark",
    pin: typeof pin === "string" && PIN_PATTERN.test(pin) ? pin : null,
    scans: Array.isArray(scans) ? scans.filter((scan) => typeof scan === "string") : [],
  };
}

function proofOf(policy: unknown): Record<string, unknown> {
  const proof = typeof policy === "object" && policy !== null && "proof" in policy ? policy.proof : undefined;
  return typeof proof === "object" && proof !== null ? { ...proof } : {};
}

/** What a delivery lacks by this policy; a failed attempt needs a reason only. */
export function lackingParts(
  policy: ProofPolicy,
  fields: PodFields,
  files: readonly { name: string }[],
  pinConfirmed: boolean | null,
): string[] {
  if (fields.outcome === "failed") return [];
  const has: Readonly<Record<ProofPart, boolean>> = {
    photo: files.some(({ name }) => name === "photo"),
    signature: files.some(({ name }) => name === "signature"),
    recipient: fields.recipientName !== undefined,
    relationship: fields.relationship !== undefined,
    idCheck: fields.idCheck !== undefined,
    pin: pinConfirmed === true,
    scans: (fields.scan ?? []).length > 0,
    position: fields.lat !== undefined,
  };
  const scanned = new Set(fields.scan ?? []);
  const unscanned = policy.scans.filter((scan) => !scanned.has(scan)).map((scan) => `scan ${scan}`);
  return [...policy.requires.filter((part) => !has[part]), ...unscanned];
}
