import type { PlanRefusal } from "#store/plan-draft.ts";
import { ROUTE_STOPS_MAX } from "#store/plan-draft.ts";
import { Problem } from "./problems.ts";

/** What to answer where the plan can't be what it was asked to be. */
export function planProblem(refusal: PlanRefusal): Problem {
  switch (refusal.kind) {
    case "missing":
      return new Problem("not_found");
    case "conflict":
      return new Problem("version_conflict", { extensions: { version: refusal.version } });
    case "taken":
      return new Problem("external_id_taken", { extensions: { externalId: refusal.externalId } });
    case "elsewhere": {
      const { stopId, externalId, routeId } = refusal;
      return new Problem("stop_on_other_route", {
        detail: "Move it with POST /v1/routes/{id}/stops and its id, or take it off the other route first.",
        extensions: { stopId: String(stopId), externalId, routeId: String(routeId) },
      });
    }
    case "full":
      return new Problem("route_full", { detail: `A route has at most ${ROUTE_STOPS_MAX} stops.` });
    case "cancelled":
      return new Problem("route_cancelled");
    case "mismatch":
      return new Problem("order_mismatch", { detail: "Give the ids of all stops of the route, each once." });
  }
}

/** The version that `If-Match` names: null where any will do. */
export function expectedVersion(header: string | undefined): number | null {
  if (header === undefined || header.trim() === "*") return null;
  const version = /^(?:W\/)?"?(\d{1,9})"?$/.exec(header.trim())?.[1];
  if (version !== undefined) return Number(version);
  throw new Problem("validation", {
    extensions: { errors: [{ in: "headers", pointer: "/if-match", detail: 'a version in quotes, as in "3"' }] },
  });
}
