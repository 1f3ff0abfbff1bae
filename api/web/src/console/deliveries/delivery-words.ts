import { ageWords } from "../words.ts";
import { type DayStop, dueMs, isDisputed, type RouteStanding, type Standing, standingOf } from "./day-route.ts";

export const STANDING_WORDS: Readonly<Record<Standing, string>> = {
  todo: "to come",
  underway: "under way",
  risk: "at risk",
  late: "late",
  done: "done",
  failed: "failed",
  cancelled: "cancelled",
};

const STATUS_WORDS: Readonly<Record<DayStop["status"], string>> = {
  planned: "Planned",
  en_route: "On the way",
  approaching: "Approaching",
  arrived: "Arrived",
  departed: "Left, no proof yet",
  missed: "Driven past",
  delivered: "Delivered",
  failed: "Failed",
  cancelled: "Cancelled",
};

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY_CLOCK = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Hours and minutes of the reader's own time zone. */
export const timeWords = (time: string): string => CLOCK.format(Date.parse(time));
export const dayTimeWords = (time: string): string => DAY_CLOCK.format(Date.parse(time));

/** `12:05 – 12:20`, or what is there of it. */
export function windowWords({ windowStart, windowEnd, promisedBy }: DayStop): string {
  if (windowStart !== null && windowEnd !== null) return `${timeWords(windowStart)} – ${timeWords(windowEnd)}`;
  if (windowEnd !== null) return `until ${timeWords(windowEnd)}`;
  if (promisedBy !== null) return `promised by ${timeWords(promisedBy)}`;
  return windowStart === null ? "any time" : `from ${timeWords(windowStart)}`;
}

/** When it was, or is expected: `arrived 12:03`, `ETA 12:10, by 12:20`. */
export function whenWords({ arrivedAt, eta, etaReason, status }: DayStop): string {
  if (arrivedAt !== null) return `arrived ${timeWords(arrivedAt)}`;
  if (status === "delivered" || status === "failed" || status === "missed" || status === "cancelled") return "";
  if (eta === null) return etaReason === null ? "no ETA yet" : `no ETA: ${plainWords(etaReason)}`;
  const basis = eta.basis === "degraded" ? ", vehicle silent" : eta.basis === "planned" ? ", not set off" : "";
  return `ETA ${timeWords(eta.p50)}, by ${timeWords(eta.p90)}${basis}`;
}

export function statusWords(stop: DayStop, nowMs: number): string {
  const standing = standingOf(stop, nowMs);
  const word = STATUS_WORDS[stop.status];
  const due = dueMs(stop);
  if (standing === "late" && due !== null) return `${word}, ${ageWords(nowMs - due)} late`;
  if (standing === "risk") return `${word}, at risk of being late`;
  return word;
}

/** `2 late, 1 at risk`; empty where all is well. */
export function troubleWords({ late, risk, failed, disputed, degraded }: RouteStanding): string {
  const parts = [
    late > 0 && `${late} late`,
    risk > 0 && `${risk} at risk`,
    failed > 0 && `${failed} failed`,
    disputed > 0 && `${disputed} contradicted`,
    degraded && "vehicle silent",
  ];
  return parts.filter(Boolean).join(", ");
}

const VERDICT_WORDS: Readonly<Record<string, string>> = {
  corroborated: "Corroborated",
  corroborated_with_exceptions: "Corroborated with exceptions",
  inconclusive: "Inconclusive",
  contradicted: "Contradicted",
  not_evaluated: "Not evaluated",
};

export const verdictWords = (verdict: string): string => VERDICT_WORDS[verdict] ?? plainWords(verdict);

export function proofWords(stop: DayStop): string {
  if (stop.verdict === null) return "";
  if (stop.override !== null) return `proof ${stop.override} by a person`;
  return isDisputed(stop) ? "proof contradicted" : `proof ${verdictWords(stop.verdict).toLowerCase()}`;
}

/** A word of the API as people write it: `data_gap`, `VEHICLE_AT_STOP`. */
export function plainWords(name: string): string {
  return name.toLowerCase().replaceAll(/[_.]/g, " ");
}
