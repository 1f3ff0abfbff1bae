import type { FirstState } from "../../../tracking/page/document.ts";
import { type Sections, sectionsOf, summaryOf } from "../../../tracking/page/sections.ts";
import type { TrackView } from "../../../tracking/track-json.ts";
import { follow } from "./follow.ts";
import type { TrackMap } from "./track-map.ts";

/** Words like "2 minutes ago" are said anew this often. */
const REPHRASE_MS = 10_000;

const ENDED: ReadonlySet<TrackView["status"]> = new Set(["departed", "delivered", "failed", "missed", "cancelled"]);

const stateText = document.getElementById("state")?.textContent;
if (stateText) start(JSON.parse(stateText) as FirstState);

/** Takes over from the page as the server sent it: from here on parts change when the state does. */
function start({ view: first, language, tag, nowMs }: FirstState): void {
  const { texts } = language;
  let view = first;
  let sections = sectionsOf(view, language, nowMs);
  let spoken = summaryOf(view, language, nowMs);
  let map: Promise<TrackMap> | undefined;
  // Phones' clocks are wrong at times; the server's is the one that counts.
  const aheadMs = nowMs - Date.now();
  const now = () => Date.now() + aheadMs;

  const render = () => {
    const next = sectionsOf(view, language, now());
    for (const name of Object.keys(next) as (keyof Sections)[]) {
      if (next[name] !== sections[name]) elementOf(name).innerHTML = next[name];
    }
    sections = next;
    const summary = summaryOf(view, language, now());
    if (summary === spoken) return;
    spoken = summary;
    elementOf("spoken").textContent = summary;
    document.title = `${summary} · ${view.brand?.name ?? texts.kind.delivery}`;
  };

  const showMap = () => {
    const isWanted = !ENDED.has(view.status);
    elementOf("map-card").hidden = !isWanted;
    elementOf("page").toggleAttribute("data-map", isWanted);
    if (!isWanted) return;
    map ??= import("./track-map.ts").then(({ openTrackMap }) =>
      openTrackMap(elementOf("map"), elementOf("follow"), texts.map, view),
    );
    void map.then((opened) => opened.show(view));
  };

  setInterval(render, REPHRASE_MS);
  follow({
    token: location.pathname.split("/").at(-1)!,
    tag,
    onState: (state) => {
      view = state;
      render();
      showMap();
    },
    onConnection: (isConnected) => {
      elementOf("connection").textContent = isConnected ? "" : texts.connectionLost;
    },
    onGone: () => {
      const page = elementOf("page");
      page.removeAttribute("data-map");
      page.replaceChildren((elementOf("gone") as HTMLTemplateElement).content.cloneNode(true));
      document.title = texts.gone.title;
    },
  });
  // The map is heavy: the words are there first.
  if ("requestIdleCallback" in window) requestIdleCallback(showMap, { timeout: 1_000 });
  else setTimeout(showMap, 200);
}

function elementOf(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element ${id}`);
  return element;
}
