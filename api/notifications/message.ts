import type { NotificationTrigger } from "#store/notifications.ts";
import type { TrackedStop } from "#store/tracked-stops.ts";
import { accentsOf } from "../tracking/brand-look.ts";
import { html } from "../tracking/page/html.ts";
import { languageFor } from "../tracking/page/languages.ts";
import { type Clock, rangeOf, steppedMs, timeOf } from "../tracking/page/times.ts";
import { MESSAGE_TEXTS, type MessageTexts } from "./texts.ts";

export type MessageFacts = {
  trigger: NotificationTrigger;
  threshold: number;
  /** BCP 47; the person waiting chose it when ordering. */
  locale: string | undefined;
  stop: TrackedStop;
  /** The page that shows more; undefined where nobody knows our address. */
  url: string | undefined;
  nowMs: number;
};

/** One message as plain text, as HTML and, short, for a phone. */
export type Message = { subject: string; text: string; html: string; short: string };

const MINUTE_MS = 60_000;
const COLOUR_DEFAULT = "#1f6f78";
/** What is said of the time is only said before the stop. */
const BEFORE_THE_STOP: ReadonlySet<NotificationTrigger> = new Set([
  "routeStarted",
  "stopsAway",
  "minutesAway",
  "delayed",
]);

/** The words of a notification. Pure. */
export function messageOf({ trigger, threshold, locale, stop, url, nowMs }: MessageFacts): Message {
  const { texts, locale: written } = languageFor(locale);
  const words = MESSAGE_TEXTS[texts.language]!;
  const brand = stop.brandName ?? "";
  const what = texts.kind[stop.kind as keyof typeof texts.kind] ?? texts.kind.delivery;
  const { subject, body, one, none } = words.triggers[trigger];
  const count = countOf(trigger, threshold, stop, nowMs);
  const first = (count === 0 ? none : count === 1 ? one : undefined) ?? body;
  const values = { what, n: String(count) };
  const clock = { locale: written, timeZone: stop.timeZone, nowMs };
  const sentences = [fill(first, values), ...(BEFORE_THE_STOP.has(trigger) ? timesOf(stop, words, clock) : [])];
  const support = contactOf(stop);
  const title = fill(subject, values);
  return {
    subject: brand === "" ? title : `${title} · ${brand}`,
    text: [
      ...sentences,
      ...(url === undefined ? [] : ["", `${words.follow}: ${url}`]),
      ...(support === null ? [] : ["", `${words.support} ${support}`]),
      ...(brand === "" ? [] : ["", brand]),
    ].join("\n"),
    html: pageOf({ language: texts.language, brand, title, sentences, words, url, support, colour: colourOf(stop) }),
    short: [brand === "" ? title : `${brand}: ${title}.`, ...sentences, ...(url === undefined ? [] : [url])].join(" "),
  };
}

/** How many stops or minutes it is now, which may be fewer than the threshold that was reached. */
function countOf(trigger: NotificationTrigger, threshold: number, stop: TrackedStop, nowMs: number): number {
  if (trigger === "stopsAway") return Math.min(stop.stopsBefore ?? threshold, threshold);
  if (trigger !== "minutesAway" || stop.toldP50 === null) return threshold;
  return Math.min(Math.max(1, Math.round((stop.toldP50.getTime() - nowMs) / MINUTE_MS)), threshold);
}

function timesOf({ toldP10, toldP90 }: TrackedStop, words: MessageTexts, clock: Clock): string[] {
  if (toldP10 === null || toldP90 === null) return [];
  const from = steppedMs(Math.max(toldP10.getTime(), clock.nowMs), "floor");
  const to = steppedMs(toldP90.getTime(), "ceil");
  if (to <= clock.nowMs) return [];
  const [fromText, toText] = rangeOf(from, to, clock).split(" – ");
  return [fill(words.window, { from: fromText!, to: toText! }), fill(words.latest, { time: timeOf(to, clock) })];
}

function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

function contactOf({ brandSupport }: TrackedStop): string | null {
  const support = (brandSupport ?? {}) as { phone?: string | null; email?: string | null; url?: string | null };
  return [support.phone, support.email, support.url].filter(Boolean).join(" · ") || null;
}

function colourOf({ brandAppearance }: TrackedStop): string {
  const { colour } = (brandAppearance ?? {}) as { colour?: string | null };
  return colour ?? COLOUR_DEFAULT;
}

type Page = {
  language: string;
  brand: string;
  title: string;
  sentences: readonly string[];
  words: MessageTexts;
  url: string | undefined;
  support: string | null;
  colour: string;
};

/** Styles stand in the elements: mail programs drop style sheets. No picture is fetched from anywhere. */
function pageOf({ language, brand, title, sentences, words, url, support, colour }: Page): string {
  const { accent, ink } = accentsOf(colour).light;
  const button = `display:inline-block;padding:12px 20px;border-radius:8px;background:${accent};color:${ink};text-decoration:none;font-weight:600`;
  const { markup } =
    html`<!doctype html><html lang="${language}"><head><meta charset="utf-8"><title>${title}</title></head>
<body style="margin:0;background:#f4f6f7;color:#101417;font:16px/1.5 system-ui,sans-serif">
<div style="max-width:520px;margin:0 auto;padding:24px">
<p style="margin:0 0 16px;font-weight:600;color:${accent}">${brand}</p>
<div style="background:#ffffff;border-radius:12px;padding:24px">
<h1 style="margin:0 0 12px;font-size:20px;line-height:1.3">${title}</h1>
${sentences.map((sentence) => html`<p style="margin:0 0 8px">${sentence}</p>`)}
${url !== undefined && html`<p style="margin:20px 0 0"><a href="${url}" style="${button}">${words.follow}</a></p>`}
</div>
${support !== null && html`<p style="margin:16px 0 0;font-size:14px;color:#4a5459">${words.support} ${support}</p>`}
</div></body></html>`;
  return markup;
}
