import type { TrackView } from "../track-json.ts";
import { html, type Markup } from "./html.ts";
import type { Language } from "./languages.ts";
import { filled, type Texts } from "./texts.ts";
import { agoOf, type Clock, rangeOf, steppedMs, timeOf, zoneName } from "./times.ts";

/**
 * The page in parts, from what a link shows. The server sends them with the page; its script makes them anew whenever the
 * state changes and replaces the ones that differ.
 */
export type Sections = Record<"hero" | "freshness" | "progress" | "proof" | "details" | "support" | "foot", string>;

type Seen = { view: TrackView; texts: Texts; clock: Clock };

export function sectionsOf(view: TrackView, { texts, locale }: Language, nowMs: number): Sections {
  const seen: Seen = { view, texts, clock: { locale, timeZone: view.stop.timeZone, nowMs } };
  const parts: Record<keyof Sections, Markup> = {
    hero: hero(seen),
    freshness: freshness(seen),
    progress: progress(seen),
    proof: proof(seen),
    details: details(seen),
    support: support(seen),
    foot: foot(seen),
  };
  return Object.fromEntries(Object.entries(parts).map(([name, { markup }]) => [name, markup])) as Sections;
}

/** The state in a sentence or two, for the title and for those who listen. */
export function summaryOf(view: TrackView, { texts, locale }: Language, nowMs: number): string {
  const clock = { locale, timeZone: view.stop.timeZone, nowMs };
  const range = arrivalRange(view, clock);
  return range === null ? headline(view, texts) : `${headline(view, texts)}: ${range}`;
}

const OVER: ReadonlySet<TrackView["status"]> = new Set(["departed", "delivered", "failed", "missed", "cancelled"]);
const SOON_MS = 90_000;

function hero({ view, texts, clock }: Seen): Markup {
  const { status } = view;
  return html`<p class="kind">${kindOf(view, texts)}</p>
<h1 class="status status-${status}">${headline(view, texts)}</h1>
${OVER.has(status) || status === "arrived" ? ending({ view, texts, clock }) : arrival({ view, texts, clock })}`;
}

function arrival({ view, texts, clock }: Seen): Markup {
  const { eta, stop } = view;
  const range = arrivalRange(view, clock);
  if (eta === null || range === null) {
    const window =
      stop.windowStart !== null && stop.windowEnd !== null
        ? html`<p class="eta">${rangeOf(Date.parse(stop.windowStart), Date.parse(stop.windowEnd), clock)}</p>`
        : null;
    const note =
      eta !== null
        ? texts.eta.overdue
        : atOf(view, "started") === undefined
          ? texts.eta.beforeStart
          : texts.eta.waiting;
    return html`${window}<p class="soft">${note}</p>`;
  }
  const isSoon = Date.parse(eta.p50) - clock.nowMs <= SOON_MS;
  const likely = timeOf(steppedMs(Date.parse(eta.p50), "round"), clock);
  const latest = timeOf(Date.parse(eta.latestBy), clock);
  return html`<p class="label">${texts.eta.label}</p>
<p class="eta"><time datetime="${eta.p50}">${range}</time></p>
<p class="facts"><span>${isSoon ? texts.eta.soon : filled(texts.eta.likely, { time: likely })}</span>
<span>${filled(texts.eta.latest, { time: latest })}</span></p>
${stopsAway(view, texts)}${lateness({ view, texts, clock })}
${eta.basis === "degraded" && html`<p class="note">${texts.eta.degraded}</p>`}`;
}

/** From P10 to P90; null when there is no ETA, or it has passed. */
function arrivalRange({ eta }: TrackView, clock: Clock): string | null {
  if (eta === null || Date.parse(eta.latestBy) < clock.nowMs) return null;
  const fromMs = Math.max(steppedMs(Date.parse(eta.p10), "floor"), steppedMs(clock.nowMs, "floor"));
  return rangeOf(fromMs, Date.parse(eta.latestBy), clock);
}

function stopsAway({ stopsAway: n }: TrackView, texts: Texts): Markup | null {
  if (n === null) return null;
  if (n === 0) return html`<p class="chip">${texts.stopsAway.next}</p>`;
  const form = new Intl.PluralRules(texts.language).select(n);
  const text = (form === "zero" || form === "two" ? undefined : texts.stopsAway[form]) ?? texts.stopsAway.other;
  return html`<p class="chip">${filled(text, { n })}</p>`;
}

function lateness({ view: { eta, stop }, texts, clock }: Seen): Markup | null {
  if (eta === null || stop.promisedBy === null || Date.parse(eta.p50) <= Date.parse(stop.promisedBy)) return null;
  return html`<p class="note">${filled(texts.eta.later, { time: timeOf(Date.parse(stop.promisedBy), clock) })}</p>`;
}

/** When it came to pass, and what there is to say about it. */
function ending({ view, texts, clock }: Seen): Markup {
  const last = view.timeline.findLast(({ status }) => status === view.status) ?? view.timeline.at(-1);
  const at = last && html`<p class="eta"><time datetime="${last.at}">${timeOf(Date.parse(last.at), clock)}</time></p>`;
  const reason = view.status === "failed" ? (texts.reasons[view.proof?.reason ?? ""] ?? texts.reasons.other!) : null;
  return html`${at ?? null}
${reason && html`<p class="note">${reason}</p>`}
${view.status === "departed" && html`<p class="soft">${texts.departedNote}</p>`}`;
}

function freshness({ view: { position }, texts, clock }: Seen): Markup {
  if (position === null) return html``;
  const { live, older, stale } = texts.fresh;
  const text = { live, delayed: older, stale, offline: stale }[position.state];
  return html`<p class="freshness ${position.state}"><span class="dot" aria-hidden="true"></span>${filled(text, {
    ago: agoOf(Date.parse(position.time), clock),
  })}</p>`;
}

/** Four steps; those behind with their time. */
function progress({ view, texts, clock }: Seen): Markup {
  const ended = view.status === "failed" || view.status === "missed" || view.status === "cancelled";
  const isDelivery = view.stop.kind === "delivery";
  const last = ended ? headline(view, texts) : isDelivery ? texts.timeline.delivered : texts.timeline.done;
  const steps: [name: string, text: string, at: string | undefined, reached: boolean][] = [
    ["planned", texts.timeline.planned, undefined, true],
    ["started", texts.timeline.started, atOf(view, "started"), isPast(view, "started")],
    ["arrived", texts.timeline.arrived, atOf(view, "arrived"), isPast(view, "arrived")],
    ["last", last, atOf(view, view.status), ended || view.status === "delivered"],
  ];
  const current = steps.findLastIndex(([, , , reached]) => reached);
  const items = steps.map(
    ([, text, at, reached], index) => html`<li class="step ${reached ? "reached" : "ahead"} ${
      ended && index === steps.length - 1 ? "bad" : ""
    }"${index === current ? html` aria-current="step"` : null}><span class="mark" aria-hidden="true"></span>
<span class="name">${text}</span>${at === undefined ? null : html` <time class="when" datetime="${at}">${timeOf(Date.parse(at), clock)}</time>`}</li>`,
  );
  return html`<h2 class="visually-hidden">${texts.timeline.label}</h2><ol class="steps">${items}</ol>`;
}

function atOf(view: TrackView, status: string): string | undefined {
  return view.timeline.find((entry) => entry.status === status)?.at;
}

function isPast(view: TrackView, step: "started" | "arrived"): boolean {
  if (atOf(view, step) !== undefined) return true;
  const after = { started: ["en_route", "approaching", "arrived", "delivered"], arrived: ["arrived", "delivered"] };
  return after[step].includes(view.status);
}

function proof({ view: { proof: shown }, texts }: Seen): Markup {
  const name = shown?.outcome === "delivered" ? shown.recipientInitials : null;
  const photos = (shown?.photos ?? []).map(
    (url) => html`<img class="photo" src="${url}" alt="${texts.proof.photo}" loading="lazy" decoding="async" />`,
  );
  if (name === null && photos.length === 0) return html``;
  return html`<h2>${texts.proof.label}</h2>
${name && html`<p>${filled(texts.proof.receivedBy, { name })}</p>`}${photos}`;
}

function details({ view, texts, clock }: Seen): Markup {
  const { stop, driver, vehicle } = view;
  const kind = vehicle?.kind == null ? null : (texts.vehicleKinds[vehicle.kind] ?? null);
  const vehicleText = [kind, vehicle?.plate].filter((text) => typeof text === "string").join(" · ");
  const window =
    stop.windowStart !== null && stop.windowEnd !== null
      ? rangeOf(Date.parse(stop.windowStart), Date.parse(stop.windowEnd), clock)
      : null;
  const rows: [string, string | null][] = [
    [texts.driver, driver?.firstName ?? null],
    [texts.vehicle, vehicleText === "" ? null : vehicleText],
    [texts.address, stop.address],
    [texts.window, window],
  ];
  const items = rows.map(([name, value]) =>
    value === null ? html`` : html`<div class="row"><dt>${name}</dt><dd>${value}</dd></div>`,
  );
  return html`<dl>${items}</dl>`;
}

function support({ view: { brand }, texts }: Seen): Markup {
  const { phone, email, url } = brand?.support ?? { phone: null, email: null, url: null };
  if (phone === null && email === null && url === null) return html``;
  return html`<h2>${texts.support.label}</h2><p class="actions">
${phone && html`<a class="button" href="tel:${phone.replace(/[^+\d]/g, "")}">${texts.support.call} ${phone}</a>`}
${email && html`<a class="button" href="mailto:${email}">${texts.support.write}</a>`}
${url && html`<a class="button" href="${url}" rel="noreferrer">${texts.support.visit}</a>`}</p>`;
}

function foot({ view, texts, clock }: Seen): Markup {
  return html`<p>${filled(texts.zone, { zone: zoneName(clock) })}
${filled(texts.closes, { time: timeOf(Date.parse(view.closesAt), clock) })} ${texts.privacy}</p>`;
}

function headline(view: TrackView, texts: Texts): string {
  if (view.status === "delivered" && view.stop.kind !== "delivery") return texts.status.done;
  // The tour has begun, though others come first.
  if (view.status === "planned" && atOf(view, "started") !== undefined) return texts.status.en_route;
  return texts.status[view.status];
}

function kindOf({ stop }: TrackView, texts: Texts): string {
  return texts.kind[stop.kind as keyof Texts["kind"]] ?? texts.kind.delivery;
}
