import { expect, test } from "vitest";
import type { TrackView } from "../track-json.ts";
import { html } from "./html.ts";
import { LANGUAGES, languageFor } from "./languages.ts";
import { sectionsOf, summaryOf } from "./sections.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const at = (minutes: number) => new Date(NOW_MS + minutes * 60_000).toISOString();

const VIEW: TrackView = {
  status: "en_route",
  stop: {
    ...{ kind: "delivery", lat: 41.15, lon: -8.61, address: "Rua 0", timeZone: "Europe/Lisbon" },
    ...{ windowStart: at(-60), windowEnd: at(60), promisedBy: at(60) },
  },
  eta: { p10: at(6), p50: at(9), p90: at(16), latestBy: at(20), basis: "live", toldAt: at(0) },
  stopsAway: 2,
  position: { lat: 41.14, lon: -8.61, headingDeg: 0, time: at(-1), state: "live" },
  path: null,
  driver: { firstName: "Ana" },
  vehicle: { kind: "van", plate: null },
  timeline: [{ status: "started", at: at(-40) }],
  proof: null,
  brand: null,
  closesAt: at(600),
  poll_after_ms: 5_000,
};
const english = languageFor("en-GB");
const page = (view: Partial<TrackView>, nowMs = NOW_MS, language = english) =>
  Object.values(sectionsOf({ ...VIEW, ...view }, language, nowMs)).join("\n");

test("the time of arrival is a window in the stop's time zone, with the latest", () => {
  expect(page({})).toMatch(/12:05 – 12:20[\s\S]*around 12:10[\s\S]*Latest by 12:20[\s\S]*2 stops before you/);
  const tokyo = { ...VIEW.stop, timeZone: "Asia/Tokyo" };
  expect(page({ stop: tokyo })).toContain("21:05 – 21:20");
  expect(page({ stop: { ...VIEW.stop, timeZone: "Mars/Olympus" } })).toContain("12:05 – 12:20");
});

test("a window on another day says the day once", () => {
  const eta = { ...VIEW.eta!, p10: at(24 * 60 + 5), p50: at(24 * 60 + 9), latestBy: at(24 * 60 + 20) };
  expect(summaryOf({ ...VIEW, eta }, english, NOW_MS)).toMatch(/Mon,? 23 Nov,? 12:05 – 12:20$/);
});

test("an ETA that has passed is not repeated, one beyond the promise says so", () => {
  expect(page({}, NOW_MS + 30 * 60_000)).toContain("It is taking longer than expected");
  expect(page({ stop: { ...VIEW.stop, promisedBy: at(5) } })).toContain("12:05 was promised");
  expect(page({})).not.toContain("was promised");
});

test("without an ETA the plan is shown", () => {
  const planned = page({ status: "planned", eta: null, position: null, stopsAway: null, timeline: [] });
  expect(planned).toMatch(/11:00 – 13:00[\s\S]*as soon as the tour has begun/);
});

test("a position that is not live is never called so", () => {
  for (const state of ["delayed", "stale", "offline"] as const) {
    const shown = page({ position: { ...VIEW.position!, state } });
    expect([state, shown.includes("Live position"), shown.includes("60 seconds ago")]).toEqual([state, false, true]);
  }
});

test("how it ended is told: delivered, with whom; failed, and why", () => {
  const proof = {
    outcome: "delivered" as const,
    at: at(-2),
    recipientInitials: "M. S.",
    reason: null,
    photos: ["/p/1"],
  };
  const delivered = page({ status: "delivered", eta: null, proof, timeline: [{ status: "delivered", at: at(-2) }] });
  expect(delivered).toMatch(/Delivered[\s\S]*11:58[\s\S]*Received by M\. S\.[\s\S]*src="\/p\/1"/);
  const failure = { ...proof, outcome: "failed" as const, reason: "not_home", photos: [], recipientInitials: null };
  const failed = page({ status: "failed", eta: null, proof: failure });
  expect(failed).toContain("Nobody was at home.");
  expect(failed).not.toContain("<h2>Proof</h2>");
});

test("what comes from outside is text, never markup", () => {
  const evil = `"><script>alert(1)</script>`;
  const shown = page({
    stop: { ...VIEW.stop, address: evil },
    driver: { firstName: evil },
    vehicle: { kind: evil, plate: evil },
    brand: { name: evil, logo: null, support: { phone: evil, email: evil, url: evil } },
  });
  expect(shown).not.toContain("<script");
  expect(shown).not.toContain(`"><`.repeat(2));
  expect(html`<p title="${evil}">${evil}</p>`.markup).not.toContain("<script");
});

test("every language says everything, and fills every gap", () => {
  const keysOf = (value: object, path = ""): string[] =>
    Object.entries(value).flatMap(([key, part]) =>
      typeof part === "object" ? keysOf(part as object, `${path}/${key}`) : [`${path}/${key}`],
    );
  const gapsOf = (texts: object): string[] =>
    JSON.stringify(texts)
      .match(/\{\w+\}/g)!
      .sort();
  const [first, ...others] = LANGUAGES;
  for (const texts of others) {
    expect(keysOf(texts).sort()).toEqual(keysOf(first!).sort());
    expect(gapsOf(texts)).toEqual(gapsOf(first!));
    expect(page({}, NOW_MS, { texts, locale: texts.language })).not.toMatch(/[{}]|undefined/);
  }
});

test("the browser's preferences choose language and region", () => {
  const chosen = (header: string | undefined) => {
    const { texts, locale } = languageFor(header);
    return [texts.language, locale];
  };
  expect(chosen("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5")).toEqual(["fr", "fr-CH"]);
  expect(chosen("xx, es;q=0.5, de;q=0.6")).toEqual(["de", "de"]);
  expect(chosen("de;q=0, es")).toEqual(["es", "es"]);
  for (const header of [undefined, "", "*", "xx", ";;;,,", "en-\u0000"]) expect(chosen(header)).toEqual(["en", "en"]);
});
