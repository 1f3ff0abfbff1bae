import { useEffect, useRef, useState } from "preact/hooks";
import { chooseTheme, themeNow } from "../design/theme.ts";
import type { MapLibre } from "../map/open-map.ts";
import type { ApiClient } from "./api-client.ts";
import { FleetMap } from "./fleet-map.tsx";
import type { Connection, FleetWatch } from "./fleet-watch.ts";
import { PANELS } from "./panel.ts";
import { UnitDetails } from "./unit-details.tsx";

type ConsoleProps = { client: ApiClient; watch: FleetWatch; leave: (reason: string | null) => void };

const CONNECTION_WORDS: Readonly<Record<Connection, string>> = {
  connecting: "Connecting",
  following: "Following live",
  lost: "Connection lost, trying again",
  refused: "The key is not accepted any more",
};

/** The fleet on a map, its panels beside it, and what is selected. */
export function Console({ client, watch, leave }: ConsoleProps) {
  const [fleet, setFleet] = useState(watch.now);
  const [nowMs, setNowMs] = useState(watch.nowMs());
  const [map, setMap] = useState<MapLibre | null>(null);
  const [selectedId, select] = useState<string | null>(null);
  const [announcement, announce] = useState("");
  const [panelId, showPanel] = useState(PANELS[0]!.id);

  useEffect(() => watch.listen(setFleet), [watch]);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(watch.nowMs()), 1_000);
    return () => clearInterval(timer);
  }, [watch]);
  useEffect(() => {
    if (fleet.connection === "refused") leave("The key was revoked, has expired or lacks the scope events:read.");
    else if (fleet.connection === "lost") announce(CONNECTION_WORDS.lost);
  }, [fleet.connection]);

  const selected = fleet.units.find(({ id }) => id === selectedId);
  const panelProps = { client, watch, fleet, nowMs, map, selectedId, select, announce };
  const panel = PANELS.find(({ id }) => id === panelId) ?? PANELS[0]!;
  return (
    <div class="console">
      <header class="top">
        <h1>Live map</h1>
        <p class={`connection ${fleet.connection}`}>{CONNECTION_WORDS[fleet.connection]}</p>
        <a class="button plain" href="/reports">
          Reports
        </a>
        <ThemeButton />
        <button class="button plain" type="button" onClick={() => leave(null)}>
          Sign out
        </button>
      </header>
      <aside class="side" aria-label="Panels">
        <PanelTabs shown={panel.id} show={showPanel} />
        <div id="panel" class="panel" role="tabpanel" aria-label={panel.title}>
          <panel.Component {...panelProps} />
        </div>
      </aside>
      <main class="stage">
        <FleetMap watch={watch} fleet={fleet} nowMs={nowMs} selectedId={selectedId} select={select} opened={setMap} />
        {selected && <UnitDetails key={selected.id} unit={selected} {...panelProps} />}
      </main>
      <p class="visually-hidden" role="status">
        {announcement}
      </p>
    </div>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(themeNow());
  const other = theme === "dark" ? "light" : "dark";
  return (
    <button
      class="button plain"
      type="button"
      onClick={() => {
        chooseTheme(other);
        setTheme(other);
      }}
    >
      {other === "dark" ? "Dark" : "Light"}
      <span class="visually-hidden"> colours</span>
    </button>
  );
}

/** Tabs by the ARIA practices: one stop for Tab, arrows between them. */
function PanelTabs({ shown, show }: { shown: string; show: (id: string) => void }) {
  const row = useRef<HTMLDivElement>(null);
  function step(event: KeyboardEvent): void {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const index = PANELS.findIndex(({ id }) => id === shown);
    const next = (index + by + PANELS.length) % PANELS.length;
    show(PANELS[next]!.id);
    row.current?.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  }
  return (
    <div ref={row} class="tabs" role="tablist" aria-label="Panels" onKeyDown={step}>
      {PANELS.map(({ id, title }) => (
        <button
          key={id}
          class="tab"
          type="button"
          role="tab"
          aria-selected={id === shown}
          aria-controls="panel"
          tabIndex={id === shown ? 0 : -1}
          onClick={() => show(id)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}
