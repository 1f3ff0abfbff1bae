import { Counter, Histogram, type Registry } from "prom-client";
import type { BuiltPages } from "./built-pages.ts";
import type { ApiDeps } from "./deps.ts";
import type { FeedWaker } from "./feed-waker.ts";
import type { ApiLimits } from "./limits.ts";

/** What routes work with. */
export type RouteContext = Omit<ApiDeps, "limits"> & {
  limits: ApiLimits;
  waker: FeedWaker;
  measures: ApiMeasures;
  pages: BuiltPages;
};

export type ApiMeasures = ReturnType<typeof createMeasures>;

export function createMeasures(registry: Registry) {
  return {
    requestSeconds: new Histogram({
      name: "api_request_seconds",
      help: "Time from a request's head to its answer, by route pattern and status",
      labelNames: ["method", "route", "status"] as const,
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers: [registry],
    }),
    streamEnds: new Counter({
      name: "api_event_streams_ended_total",
      help: "Event streams that ended, by reason",
      labelNames: ["reason"] as const,
      registers: [registry],
    }),
  };
}
