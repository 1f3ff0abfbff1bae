import type { Accent } from "../brand-look.ts";
import type { TrackView } from "../track-json.ts";
import { escaped, html, type Markup } from "./html.ts";
import type { Language } from "./languages.ts";
import { sectionsOf, summaryOf } from "./sections.ts";
import type { Texts } from "./texts.ts";

/** The first state as the script finds it in the page. */
export type FirstState = { view: TrackView; language: Language; tag: string; nowMs: number };

type Document = FirstState & {
  /** The page as it was built. */
  template: string;
  accents: { light: Accent; dark: Accent } | null;
  /** For the one style element that holds the brand's colours. */
  nonce: string;
};

/** The whole page with its first state in it: it reads without a script. */
export function trackDocument({ template, accents, nonce, ...first }: Document): string {
  const { view, language, nowMs } = first;
  const { texts } = language;
  const sections = sectionsOf(view, language, nowMs);
  const raw = (name: keyof typeof sections): Markup => ({ markup: sections[name] });
  const name = view.brand?.name ?? texts.kind.delivery;
  const logo = view.brand?.logo ?? null;
  const page = html`<header class="brand">${
    logo === null ? html`<p class="brand-name">${name}</p>` : html`<img class="logo" src="${logo}" alt="${name}" />`
  }</header>
<main>
<section class="card hero" id="hero">${raw("hero")}</section>
<div class="map-card" id="map-card" hidden><div id="map"></div>
<button type="button" class="button follow" id="follow" hidden>${texts.map.follow}</button></div>
<div class="below">
<div id="freshness">${raw("freshness")}</div>
<p class="note" id="connection" role="status"></p>
<section class="card" id="progress">${raw("progress")}</section>
<section class="card" id="proof">${raw("proof")}</section>
<section class="card" id="details">${raw("details")}</section>
<section class="card" id="support">${raw("support")}</section>
<noscript><p class="note">${texts.withoutScript}</p></noscript>
</div>
</main>
<footer class="foot soft small" id="foot">${raw("foot")}</footer>
<p class="visually-hidden" id="spoken" role="status" aria-live="polite"></p>
<template id="gone">${gonePart(texts)}</template>
${stateElement(first)}`;
  return filledIn(template, {
    language: texts.language,
    title: `${summaryOf(view, language, nowMs)} · ${name}`,
    head: accents === null ? "" : accentStyle(accents, nonce),
    page: page.markup,
  });
}

/** The page of a link that does not answer: the same for all of them. */
export function goneDocument(template: string, texts: Texts): string {
  const page = html`<main>${gonePart(texts)}</main>`;
  return filledIn(template, { language: texts.language, title: texts.gone.title, head: "", page: page.markup });
}

function gonePart(texts: Texts): Markup {
  return html`<section class="card hero gone"><h1 class="status">${texts.gone.title}</h1><p>${texts.gone.text}</p></section>`;
}

type Filling = { language: string; title: string; head: string; page: string };

function filledIn(template: string, { language, title, head, page }: Filling): string {
  return template
    .replace('<html lang="en">', () => `<html lang="${language}">`)
    .replace(/<title>[^<]*<\/title>/, () => `<title>${escaped(title)}</title>`)
    .replace("</head>", () => `${head}</head>`)
    .replace(/<div id="page">\s*<\/div>/, () => `<div id="page">${page}</div>`);
}

function accentStyle({ light, dark }: { light: Accent; dark: Accent }, nonce: string): string {
  const rule = `--accent:light-dark(${light.accent},${dark.accent});--accent-ink:light-dark(${light.ink},${dark.ink})`;
  return `<style nonce="${nonce}">:root{${rule}}</style>`;
}

/** JSON inside of HTML: nothing in it may end the element. */
function stateElement(first: FirstState): Markup {
  const json = JSON.stringify(first).replaceAll("<", "\\u003c");
  return { markup: `<script type="application/json" id="state">${json}</script>` };
}
