import { useEffect, useState } from "preact/hooks";
import { type ApiClient, ApiProblem } from "../api-client.ts";
import { type EventJson, followEvents, pause } from "../follow-events.ts";
import type { DayRoute } from "./day-route.ts";

export type DayRoutes = {
  /** Null until they were read. */
  routes: readonly DayRoute[] | null;
  failure: string | null;
  /** Grows by one with every event of a stop, by its id. */
  revisions: ReadonlyMap<string, number>;
};

const TYPES = ["stop.*", "route.*", "eta.*", "pod.*", "link.*"];
const PAGE_ROUTES = 100;
/** A day of more routes is looked at by search and by fleet. */
const ROUTES_MAX = 1_000;
/** Events come in bursts: the day is not read again more often than this. */
const RELOAD_MS_MIN = 2_000;
/** ETAs that moved less than what is told still move. */
const RELOAD_MS_MAX = 20_000;

/** The routes of a day (null: today), kept current by the events of the fleet. */
export function useDayRoutes(client: ApiClient, day: string | null, heard: (event: EventJson) => void): DayRoutes {
  const [shown, setShown] = useState<DayRoutes>({ routes: null, failure: null, revisions: new Map() });
  useEffect(() => {
    const stopped = new AbortController();
    let wake = () => {};
    setShown({ routes: null, failure: null, revisions: new Map() });
    void keepReading(client, day, stopped.signal, {
      show: (change) => setShown((before) => ({ ...before, ...change })),
      changed: () =>
        new Promise((resolve) => {
          wake = resolve;
        }),
    });
    void followEvents(client, TYPES, stopped.signal, (event) => {
      const { stopId } = event.data;
      if (typeof stopId === "string")
        setShown((before) => ({ ...before, revisions: raised(before.revisions, stopId) }));
      heard(event);
      wake();
    });
    return () => stopped.abort();
  }, [client, day]);
  return shown;
}

type Reading = { show: (change: Partial<DayRoutes>) => void; changed: () => Promise<void> };

async function keepReading(client: ApiClient, day: string | null, signal: AbortSignal, reading: Reading) {
  while (!signal.aborted) {
    const changed = reading.changed();
    try {
      const routes = await readDay(client, day, signal);
      if (!signal.aborted) reading.show({ routes, failure: null });
    } catch (error) {
      if (signal.aborted) return;
      const isRefused = error instanceof ApiProblem && error.status === 403;
      reading.show({ failure: isRefused ? "This key may not read routes." : "The routes can't be read now." });
    }
    await pause(RELOAD_MS_MIN, signal);
    await Promise.race([changed, pause(RELOAD_MS_MAX - RELOAD_MS_MIN, signal)]);
  }
}

async function readDay(client: ApiClient, day: string | null, signal: AbortSignal): Promise<DayRoute[]> {
  const routes: DayRoute[] = [];
  const path = day === null ? "/v1/routes/progress" : `/v1/routes/progress?day=${day}`;
  for await (const page of client.pages<DayRoute>(path, signal, PAGE_ROUTES)) {
    routes.push(...page);
    if (routes.length >= ROUTES_MAX) break;
  }
  return routes;
}

function raised(revisions: ReadonlyMap<string, number>, stopId: string): ReadonlyMap<string, number> {
  return new Map(revisions).set(stopId, (revisions.get(stopId) ?? 0) + 1);
}
