import { useEffect, useRef } from "preact/hooks";
import type { PanelProps } from "../panel.ts";
import {
  type DayRoute,
  type DayStop,
  isDisputed,
  nameOf,
  nameOfRoute,
  nameOfStop,
  routeStanding,
  standingOf,
} from "./day-route.ts";
import { proofWords, statusWords, timeWords, troubleWords, whenWords, windowWords } from "./delivery-words.ts";
import { StopMark } from "./stop-mark.tsx";

type RouteViewProps = PanelProps & { route: DayRoute; back: () => void; showStop: (stopId: string) => void };

/** The stops of one route in driving order. */
export function RouteView({ route, back, showStop, nowMs, fleet, select }: RouteViewProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const trouble = troubleWords(routeStanding(route, nowMs));
  const unit = fleet.units.find(({ vehicleId }) => vehicleId === route.vehicle?.id);
  return (
    <section
      class="drill"
      aria-labelledby="route-title"
      onKeyDown={(event) => {
        if (event.key === "Escape") back();
      }}
    >
      <div class="drill-head">
        <button type="button" class="button plain" onClick={back}>
          ← Routes
        </button>
        <h2 id="route-title" ref={heading} tabIndex={-1}>
          {nameOfRoute(route)}
        </h2>
        <p class="small soft">
          {[
            route.driver && nameOf(route.driver),
            route.startedAt ? `set off ${timeWords(route.startedAt)}` : "not set off",
            route.completedAt && `completed ${timeWords(route.completedAt)}`,
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
        {trouble !== "" && <p class="small trouble">{trouble}</p>}
        {unit && (
          <button type="button" class="button" onClick={() => select(unit.id)}>
            Show {unit.name} on the map
          </button>
        )}
      </div>
      <ol class="units" aria-label="Stops in driving order">
        {route.stops.map((stop, i) => (
          <li key={stop.id}>
            <StopRow stop={stop} number={i + 1} nowMs={nowMs} show={() => showStop(stop.id)} />
          </li>
        ))}
      </ol>
      {route.stops.length === 0 && <p class="small soft rest">No stop yet.</p>}
    </section>
  );
}

function StopRow({ stop, number, nowMs, show }: { stop: DayStop; number: number; nowMs: number; show: () => void }) {
  const standing = standingOf(stop, nowMs);
  const proof = proofWords(stop);
  return (
    <button type="button" class="stop-row" id={`stop-${stop.id}`} onClick={show}>
      <StopMark standing={standing} number={number} />
      <span class="route-name">{nameOfStop(stop)}</span>
      <span class="small soft">{windowWords(stop)}</span>
      <span class={`small stop-status ${standing}`}>{statusWords(stop, nowMs)}</span>
      <span class="small soft stop-when">{whenWords(stop)}</span>
      {proof !== "" && <span class={`small stop-proof ${isDisputed(stop) ? "late" : "soft"}`}>{proof}</span>}
    </button>
  );
}
