import type { DriverStop } from "../../../driver/day-json.ts";
import type { Message } from "./outbox.ts";
import { filled, type Plural, type Texts } from "./texts.ts";
import type { WorkState } from "./work.ts";

export type Language = { texts: Texts; locale: string };

/** `3 positions and 1 proof`; empty where nothing waits. */
export function waitingWords({ texts, locale }: Language, messages: readonly Message[], positions: number): string {
  const proofs = messages.filter(({ content, refusal }) => content.kind === "proof" && refusal === null).length;
  const claims = messages.filter(({ content, refusal }) => content.kind === "claim" && refusal === null).length;
  const rules = new Intl.PluralRules(locale);
  const say = (plural: Plural, n: number) =>
    n === 0 ? [] : [filled(rules.select(n) === "one" ? plural.one : plural.other, { n })];
  const parts = [
    ...say(texts.queue.proofs, proofs),
    ...say(texts.queue.claims, claims),
    ...say(texts.queue.positions, positions),
  ];
  return new Intl.ListFormat(locale).format(parts);
}

/** The state of the outbox in a sentence. */
export function queueWords(language: Language, state: WorkState): string {
  const { queue } = language.texts;
  const what = waitingWords(language, state.messages, state.positions);
  if (what === "") return queue.allSent;
  if (!state.isOnline) return filled(queue.offline, { what });
  return filled(state.isSending ? queue.sending : queue.waiting, { what });
}

export function timeOf(text: string, { timeZone }: Pick<DriverStop, "timeZone">, { locale }: Language): string {
  const format = { hour: "2-digit", minute: "2-digit" } as const;
  return new Intl.DateTimeFormat(locale, timeZone === null ? format : { ...format, timeZone }).format(new Date(text));
}

/** When somebody is expected there; empty where nobody said. */
export function windowOf(stop: DriverStop, language: Language): string {
  const { texts } = language;
  const from = stop.windowStart === null ? null : timeOf(stop.windowStart, stop, language);
  const to = stop.windowEnd === null ? null : timeOf(stop.windowEnd, stop, language);
  if (from !== null && to !== null) return filled(texts.window, { from, to });
  if (from !== null) return filled(texts.windowFrom, { from });
  return to === null ? "" : filled(texts.windowUntil, { to });
}

/** Opens the map app of this phone; on others a page that finds the way. */
export function navigationUrl({ lat, lon, address }: DriverStop, userAgent: string): string {
  const place = `${lat},${lon}`;
  if (/iPhone|iPad|Macintosh/.test(userAgent)) return `https://maps.apple.com/?daddr=${place}&dirflg=d`;
  if (/Android/.test(userAgent)) {
    return `geo:${place}?q=${place}${address === null ? "" : `(${encodeURIComponent(address)})`}`;
  }
  return `https://www.openstreetmap.org/directions?to=${place}`;
}
