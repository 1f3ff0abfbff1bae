import { useEffect, useRef, useState } from "preact/hooks";
import type { EventJson } from "../follow-events.ts";
import type { PanelProps } from "../panel.ts";
import { dayText } from "../words.ts";
import { type DayRoute, lateFirst, nameOf, nameOfRoute, nameOfStop, routeStanding, searchRoutes } from "./day-route.ts";
import { useDayRoutes } from "./day-routes.ts";
import "./deliveries.css";
import { troubleWords } from "./delivery-words.ts";
import { useRouteOnMap } from "./route-markers.ts";
import { RouteView } from "./route-view.tsx";
import { StopDetails } from "./stop-details.tsx";

/** The routes of a day, those that need somebody first; from a route to its stops, from a stop to what is known of it. */
export function DeliveriesPanel(props: PanelProps) {
  const { client, nowMs, announce, map } = props;
  const [day, setDay] = useState<string | null>(null);
  const [routeId, showRoute] = useState<string | null>(null);
  const [stopId, showStop] = useState<string | null>(null);
  const known = useRef<readonly DayRoute[]>([]);
  const heard = (event: EventJson) => {
    const words = warningOf(event, known.current);
    if (words !== null) announce(words);
  };
  const { routes, failure, revisions } = useDayRoutes(client, day, heard);
  known.current = routes ?? [];
  const route = routes?.find(({ id }) => id === routeId);
  const stop = route?.stops.find(({ id }) => id === stopId);
  useRouteOnMap({ client, map, route, stop, nowMs, showStop });

  const [returnTo, setReturnTo] = useState<string | null>(null);
  useEffect(() => {
    if (returnTo === null) return;
    document.getElementById(returnTo)?.focus();
    setReturnTo(null);
  }, [returnTo, route, stop]);

  if (route && stop) {
    const back = () => {
      showStop(null);
      setReturnTo(`stop-${stop.id}`);
    };
    return <StopDetails key={stop.id} {...props} {...{ route, stop, back }} revision={revisions.get(stop.id) ?? 0} />;
  }
  if (route) {
    const back = () => {
      showRoute(null);
      setReturnTo(`route-${route.id}`);
    };
    return <RouteView key={route.id} {...props} {...{ route, back, showStop }} />;
  }
  return <DayView {...{ routes, failure, nowMs, showRoute }} day={day ?? dayText(nowMs)} setDay={setDay} />;
}

/** What an operator should hear at once: a stop that is going to be late, or a proof that is contradicted. */
function warningOf({ type, replayed, data }: EventJson, routes: readonly DayRoute[]): string | null {
  if (replayed) return null;
  const stop = routes.flatMap(({ stops }) => stops).find(({ id }) => id === data.stopId);
  if (stop === undefined) return null;
  if (type === "stop.at_risk") return `${nameOfStop(stop)} is at risk of being late`;
  if (type.startsWith("pod.verdict") && data.verdict === "contradicted") {
    return `The proof of ${nameOfStop(stop)} is contradicted`;
  }
  return null;
}

type DayViewProps = {
  routes: readonly DayRoute[] | null;
  failure: string | null;
  nowMs: number;
  day: string;
  setDay: (day: string | null) => void;
  showRoute: (routeId: string) => void;
};

function DayView({ routes, failure, nowMs, day, setDay, showRoute }: DayViewProps) {
  const [text, setText] = useState("");
  const found = lateFirst(searchRoutes(routes ?? [], text), nowMs);
  return (
    <>
      <div class="finder">
        <div class="day-finder">
          <div class="field">
            <label for="delivery-day">Day</label>
            <input
              id="delivery-day"
              class="input"
              type="date"
              value={day}
              onChange={(event) => {
                const { value } = event.currentTarget;
                setDay(value === "" || value === dayText(nowMs) ? null : value);
              }}
            />
          </div>
          <div class="field">
            <label for="delivery-search">Search route, driver, address</label>
            <input
              id="delivery-search"
              class="input"
              type="search"
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </div>
        </div>
        <p class="small soft" role="status">
          {failure ?? daySummary(routes, nowMs)}
        </p>
      </div>
      <ul class="units" aria-label="Routes, late ones first">
        {found.map((route) => (
          <li key={route.id}>
            <RouteRow route={route} nowMs={nowMs} show={() => showRoute(route.id)} />
          </li>
        ))}
      </ul>
      <p class="small soft rest">{routes !== null && routes.length > 0 && found.length === 0 && "Nothing matches."}</p>
    </>
  );
}

function daySummary(routes: readonly DayRoute[] | null, nowMs: number): string {
  if (routes === null) return "Reading …";
  if (routes.length === 0) return "No route on this day.";
  const standings = routes.map((route) => routeStanding(route, nowMs));
  const sum = (name: "late" | "risk" | "over" | "disputed") => standings.reduce((all, one) => all + one[name], 0);
  const stops = routes.reduce((all, route) => all + route.stops.length, 0);
  const disputed = sum("disputed") > 0 ? ` · ${sum("disputed")} contradicted` : "";
  return `${routes.length} routes · ${sum("over")} of ${stops} stops over · ${sum("late")} late · ${sum("risk")} at risk${disputed}`;
}

const ROUTE_WORDS = { planned: "not set off", started: "under way", completed: "completed", cancelled: "cancelled" };

function RouteRow({ route, nowMs, show }: { route: DayRoute; nowMs: number; show: () => void }) {
  const standing = routeStanding(route, nowMs);
  const trouble = troubleWords(standing);
  const people = [route.vehicle, route.driver].flatMap((thing) => (thing === null ? [] : [nameOf(thing)]));
  const level = standing.late > 0 ? "late" : standing.risk > 0 || standing.disputed > 0 ? "risk" : "fine";
  return (
    <button type="button" class={`route-row ${level}`} id={`route-${route.id}`} onClick={show}>
      <span class="route-name">{nameOfRoute(route)}</span>
      <span class="small route-count">
        {standing.over} / {route.stops.length}
        <span class="visually-hidden"> stops over</span>
      </span>
      <progress class="route-progress" aria-hidden="true" value={standing.over} max={Math.max(1, route.stops.length)} />
      <span class="small soft route-people">{[ROUTE_WORDS[route.status], ...people].join(" · ")}</span>
      {trouble !== "" && <span class="small route-trouble">{trouble}</span>}
    </button>
  );
}
