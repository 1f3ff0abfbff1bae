import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import { findRoute, type RouteView, reorderStops } from "#store/routes.ts";
import { findVehiclePosition } from "#store/vehicle-positions.ts";
import type { RouteDrive } from "#stream/sequencing/route-order.ts";
import { SequencingBusyError, SequencingThread } from "#stream/sequencing/sequencing-thread.ts";
import type { RouteContext } from "../context.ts";
import { optimiseTask, SERVICE_DEFAULT_S } from "../optimise-route.ts";
import { expectedVersion, planProblem } from "../plan-problems.ts";
import { Problem } from "../problems.ts";
import { RouteSchema, routeJson } from "../route-json.ts";
import { Ref } from "../schemas.ts";
import { IfMatch, PlanIdParams } from "./routes.ts";

const Drive = Type.Object({
  travelSeconds: Type.Integer(),
  waitSeconds: Type.Integer(),
  lateSeconds: Type.Integer({ description: "Over all stops and the end of the shift" }),
  overloaded: Type.Boolean({ description: "More on board than the vehicle can carry" }),
});

const Answer = Type.Object({
  changed: Type.Boolean({ description: "Whether the stops come in another order now" }),
  basis: Type.Enum(["roads", "straight_line"], {
    description: "straight_line: no road network is loaded; times are by distance and a usual speed",
  }),
  offRoad: Type.Array(Type.String(), { description: "Ids of stops that no road leads to: by straight line" }),
  before: Drive,
  after: Drive,
  route: Ref(RouteSchema),
});

const MEANING = `Stops that were served keep their places; of the others those of kind depot that come first or last. Time
windows, service times (${SERVICE_DEFAULT_S} s where none is planned), capacity and the end of the shift are met where
they can be, and missed by as little as possible where not. The way begins at the vehicle when the route is being driven,
else at the route's start; it ends at the route's end. An order that is no better than the one there is changes nothing.`;

/** `POST /v1/routes/{id}/optimise`. */
export const optimiseRoutes =
  ({ database, roads, now }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const thread = new SequencingThread(roads);
    app.addHook("onClose", () => thread.close());

    app.post(
      "/routes/:id/optimise",
      {
        config: { scope: "routes:write" },
        schema: {
          ...{ tags: ["routes"], summary: "Put the stops of a route in a good order", description: MEANING },
          ...{ params: PlanIdParams, headers: IfMatch },
          querystring: Type.Object({
            dryRun: Type.Optional(Type.Boolean({ description: "Say what would be better, change nothing" })),
          }),
          response: { 200: Answer },
        },
      },
      async ({ principal, params, headers, query }) => {
        const expected = expectedVersion(headers["if-match"]);
        const route = await findRoute(database, principal.fleetId, params.id);
        if (route === undefined) throw new Problem("not_found");
        if (route.status === "cancelled") throw new Problem("route_cancelled");
        if (expected !== null && expected !== route.version) {
          throw planProblem({ kind: "conflict", version: route.version });
        }
        const position =
          route.vehicleId === null ? undefined : await findVehiclePosition(database, route.fleetId, route.vehicleId);
        const at = position && { latDeg: position.latDeg, lonDeg: position.lonDeg };
        const { task, fixedBefore, movable, fixedAfter } = optimiseTask(route, now(), placed(at));
        if (movable.length < 2) return { ...nothingToDo(), route: routeJson(route) };
        const found = await thread.order(task).catch((error: unknown) => {
          if (error instanceof SequencingBusyError) {
            throw new Problem("optimiser_busy", { headers: { "retry-after": "5" } });
          }
          throw error;
        });
        const ordered = [...fixedBefore, ...found.order.map((index) => movable[index]!), ...fixedAfter];
        const changed = ordered.some((stop, index) => stop !== route.stops[index]);
        return {
          changed,
          basis: found.basis,
          offRoad: found.offRoad.flatMap((index) =>
            movable[index] === undefined ? [] : String(movable[index].stopId),
          ),
          before: driveJson(found.before),
          after: driveJson(found.after),
          route: routeJson(
            changed && query.dryRun !== true
              ? await reordered(
                  route,
                  ordered.map(({ stopId }) => stopId),
                )
              : route,
          ),
        };
      },
    );

    /** Only the version that was looked at is changed: meanwhile somebody may have changed the route. */
    async function reordered(route: RouteView, stopIds: readonly number[]): Promise<RouteView> {
      const options = { expectedVersion: route.version, reason: "optimised" } as const;
      const result = await reorderStops(database, route.fleetId, route.routeId, stopIds, options);
      if (result.kind !== "done") throw planProblem(result);
      return result.route;
    }
  };

function placed(at: { latDeg: number | null; lonDeg: number | null } | undefined) {
  if (at === undefined || at.latDeg === null || at.lonDeg === null) return null;
  return { latDeg: at.latDeg, lonDeg: at.lonDeg };
}

function driveJson({ travelS, waitS, lateS, overloaded }: RouteDrive): Static<typeof Drive> {
  const [travelSeconds, waitSeconds, lateSeconds] = [travelS, waitS, lateS].map(Math.round) as [number, number, number];
  return { travelSeconds, waitSeconds, lateSeconds, overloaded };
}

function nothingToDo(): Omit<Static<typeof Answer>, "route"> {
  const nothing = { travelSeconds: 0, waitSeconds: 0, lateSeconds: 0, overloaded: false };
  return { changed: false, basis: "straight_line", offRoad: [], before: nothing, after: nothing };
}
