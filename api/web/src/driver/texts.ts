import type { ProofPart } from "../../../pod/policy.ts";
import type { StopStatus } from "../../../stop-status.ts";
import { DE } from "./texts-de.ts";
import { EN } from "./texts-en.ts";
import { ES } from "./texts-es.ts";
import { FR } from "./texts-fr.ts";

/** Everything that the driver's page says, in one language. `{name}` is filled in. */
export type Texts = {
  language: string;
  title: string;
  greeting: string;
  loading: string;
  noWork: string;
  needsNet: string;
  closed: { title: string; text: string; kept: string };
  queue: {
    label: string;
    allSent: string;
    waiting: string;
    sending: string;
    offline: string;
    full: string;
    positions: Plural;
    proofs: Plural;
    claims: Plural;
  };
  share: {
    start: string;
    stop: string;
    on: string;
    off: string;
    denied: string;
    unknown: string;
  };
  stops: string;
  stop: string;
  window: string;
  windowFrom: string;
  windowUntil: string;
  expected: string;
  call: string;
  navigate: string;
  arrived: string;
  departed: string;
  saidArrived: string;
  saidDeparted: string;
  deliver: string;
  fail: string;
  status: Record<StopStatus, string>;
  waits: string;
  refused: string;
  retry: string;
  discard: string;
  proof: {
    deliverTitle: string;
    failTitle: string;
    asked: string;
    parts: Record<ProofPart, string>;
    recipient: string;
    relationship: string;
    photo: string;
    addPhoto: string;
    removePhoto: string;
    photoNumber: string;
    notAPhoto: string;
    signature: string;
    signHere: string;
    clear: string;
    writeName: string;
    notes: string;
    idCheck: string;
    pin: string;
    scans: string;
    scanCode: string;
    addCode: string;
    scanCamera: string;
    stopCamera: string;
    noCamera: string;
    toScan: string;
    reason: string;
    reasons: Record<FailReason, string>;
    save: string;
    back: string;
    lacking: string;
  };
};

export type Plural = { one: string; other: string };

/** Words that the tracking page knows how to say. */
export const FAIL_REASONS = ["not_home", "refused", "address_not_found", "no_access", "damaged", "other"] as const;
export type FailReason = (typeof FAIL_REASONS)[number];

const LANGUAGES = [EN, DE, ES, FR];

/** What the phone's owner reads best, and how they write times (`en-GB`); English for those who read none of ours. */
export function languageOf(wanted: readonly string[]): { texts: Texts; locale: string } {
  for (const locale of wanted) {
    const texts = LANGUAGES.find(({ language }) => language === locale.split("-")[0]?.toLowerCase());
    if (texts !== undefined) return { texts, locale };
  }
  return { texts: EN, locale: "en" };
}

/** `{name}` in a text replaced by values. */
export function filled(text: string, values: { [name: string]: string | number }): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
