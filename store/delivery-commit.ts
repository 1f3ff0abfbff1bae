import type { Client } from "pg";
import { insertEtas, type NewEta } from "./eta-writes.ts";
import { insertEvents, type NewEvent } from "./event-writes.ts";
import { saveFleetTraffic, type TrafficRow } from "./fleet-traffic.ts";
import { jsonbTextOf } from "./fold-rows.ts";

/** What the fold of routes writes, in one transaction. Unix milliseconds; ids of routes and stops are text. */

export type RouteRow = {
  routeId: string;
  version: number;
  status: "planned" | "started" | "completed" | "cancelled";
  startedAtMs: number | null;
  completedAtMs: number | null;
  currentStopId: string | null;
  /** Undefined leaves the path as it is. */
  remainingPath: string | null | undefined;
  fold: unknown;
};

export type StopRow = {
  stopId: string;
  routeId: string;
  status: "planned" | "en_route" | "approaching" | "arrived" | "departed" | "missed" | "cancelled";
  arrivedAtMs: number | null;
  departedAtMs: number | null;
  stopsBefore: number | null;
  etaP10Ms: number | null;
  etaP50Ms: number | null;
  etaP90Ms: number | null;
  etaComputedMs: number | null;
  etaBasis: "live" | "degraded" | "planned" | null;
  etaReason: string | null;
  toldP10Ms: number | null;
  toldP50Ms: number | null;
  toldP90Ms: number | null;
  toldAtMs: number | null;
  atRisk: boolean;
};

export type DeliveryBatch = {
  routes: readonly RouteRow[];
  stops: readonly StopRow[];
  events: readonly NewEvent[];
  /** Plans that got their place in the journal, and clocks. */
  placedPlans: readonly { routeId: string; version: number; fromSeq: number }[];
  ticks: readonly { routeId: string; fromSeq: number; atMs: number }[];
  etas: readonly NewEta[];
  /** Traffic up to the states of these routes. */
  traffic: readonly TrafficRow[];
};

/** All of it or nothing; rejects when anything fails, and then nothing that the caller remembers is worth anything. */
export async function commitDelivery(client: Client, batch: DeliveryBatch): Promise<void> {
  await client.query("begin");
  try {
    if (batch.routes.length > 0) await saveRoutes(client, batch.routes);
    if (batch.stops.length > 0) await saveStops(client, batch.stops);
    if (batch.placedPlans.length > 0) await placePlans(client, batch.placedPlans);
    if (batch.ticks.length > 0) await saveTicks(client, batch.ticks);
    await insertEtas(client, batch.etas);
    if (batch.traffic.length > 0) await saveFleetTraffic(client, batch.traffic);
    if (batch.events.length > 0) await insertEvents(client, batch.events);
    // Who shows routes and waits for events looks again, as after a batch of fixes.
    if (batch.events.length + batch.stops.length > 0) await client.query("select pg_notify('fixes', '')");
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch((cause: unknown) => {
      throw new Error("rollback failed", { cause });
    });
    throw error;
  }
}

async function saveRoutes(client: Client, routes: readonly RouteRow[]): Promise<void> {
  const rows = routes.map((route) => ({ ...route, pathKept: route.remainingPath === undefined }));
  await client.query({
    name: "delivery-save-routes",
    text: `insert into route_state as s (route_id, version, status, started_at, completed_at, current_stop_id,
        remaining_path, fold)
      select n."routeId", n.version, n.status, to_timestamp(n."startedAtMs" / 1000), to_timestamp(n."completedAtMs" / 1000),
        n."currentStopId", n."remainingPath", n.fold
      from json_to_recordset($1::json) as n ("routeId" bigint, version integer, status text, "startedAtMs" float8,
        "completedAtMs" float8, "currentStopId" bigint, "remainingPath" text, fold jsonb)
      join route on route.route_id = n."routeId"
      on conflict (route_id) do update set version = excluded.version, status = excluded.status,
        started_at = excluded.started_at, completed_at = excluded.completed_at,
        current_stop_id = excluded.current_stop_id, fold = excluded.fold,
        remaining_path = case when s.route_id = any($2::bigint[]) then s.remaining_path else excluded.remaining_path end`,
    values: [jsonbTextOf(rows), rows.filter(({ pathKept }) => pathKept).map(({ routeId }) => routeId)],
  });
}

/** A stop that has gone on to another route is no longer this route's to cancel. */
async function saveStops(client: Client, stops: readonly StopRow[]): Promise<void> {
  await client.query({
    name: "delivery-save-stops",
    text: `insert into stop_state as s (stop_id, route_id, status, arrived_at, departed_at, stops_before, eta_p10, eta_p50,
        eta_p90, eta_computed_at, eta_basis, eta_reason, told_p10, told_p50, told_p90, told_at, at_risk)
      select n."stopId", n."routeId", n.status, ${at("arrivedAtMs")}, ${at("departedAtMs")}, n."stopsBefore",
        ${at("etaP10Ms")}, ${at("etaP50Ms")}, ${at("etaP90Ms")}, ${at("etaComputedMs")}, n."etaBasis", n."etaReason",
        ${at("toldP10Ms")}, ${at("toldP50Ms")}, ${at("toldP90Ms")}, ${at("toldAtMs")}, n."atRisk"
      from json_to_recordset($1::json) as n ("stopId" bigint, "routeId" bigint, status text, "arrivedAtMs" float8,
        "departedAtMs" float8, "stopsBefore" integer, "etaP10Ms" float8, "etaP50Ms" float8, "etaP90Ms" float8,
        "etaComputedMs" float8, "etaBasis" text, "etaReason" text, "toldP10Ms" float8, "toldP50Ms" float8,
        "toldP90Ms" float8, "toldAtMs" float8, "atRisk" boolean)
      join stop on stop.stop_id = n."stopId"
      on conflict (stop_id) do update set (route_id, status, arrived_at, departed_at, stops_before, eta_p10, eta_p50,
        eta_p90, eta_computed_at, eta_basis, eta_reason, told_p10, told_p50, told_p90, told_at, at_risk) =
        (excluded.route_id, excluded.status, excluded.arrived_at, excluded.departed_at, excluded.stops_before,
        excluded.eta_p10, excluded.eta_p50, excluded.eta_p90, excluded.eta_computed_at, excluded.eta_basis,
        excluded.eta_reason, excluded.told_p10, excluded.told_p50, excluded.told_p90, excluded.told_at, excluded.at_risk)
      where s.route_id = excluded.route_id or excluded.status <> 'cancelled'`,
    values: [JSON.stringify(stops)],
  });
}

async function placePlans(client: Client, placed: DeliveryBatch["placedPlans"]): Promise<void> {
  await client.query({
    name: "delivery-place-plans",
    text: `update route_version v set from_seq = p.from_seq
      from unnest($1::bigint[], $2::integer[], $3::bigint[]) as p (route_id, version, from_seq)
      where v.route_id = p.route_id and v.version = p.version and v.from_seq is null`,
    values: [
      placed.map(({ routeId }) => routeId),
      placed.map(({ version }) => version),
      placed.map(({ fromSeq }) => fromSeq),
    ],
  });
}

async function saveTicks(client: Client, ticks: DeliveryBatch["ticks"]): Promise<void> {
  await client.query({
    name: "delivery-save-ticks",
    text: `insert into route_tick (route_id, from_seq, at)
      select t.route_id, t.from_seq, to_timestamp(t.at_ms / 1000)
      from unnest($1::bigint[], $2::bigint[], $3::float8[]) as t (route_id, from_seq, at_ms)
      join route using (route_id) on conflict do nothing`,
    values: [ticks.map(({ routeId }) => routeId), ticks.map(({ fromSeq }) => fromSeq), ticks.map(({ atMs }) => atMs)],
  });
}

function at(name: string): string {
  return `to_timestamp(n."${name}" / 1000)`;
}
