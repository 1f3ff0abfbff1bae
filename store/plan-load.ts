import type { PoolClient } from "pg";
import type { DraftRoute, DraftStop } from "./plan-draft.ts";
import { ROUTE_COLUMNS, type Route, STOP_COLUMNS, type Stop } from "./plan-rows.ts";
import type { Query } from "./transaction.ts";

type StopRow = Stop & { fenced: boolean; forgotten: boolean };

/**
 * What an edit has read of the plans of one fleet. Whoever edits holds the row of `plan_revision` until the commit, so
 * plans are changed one after the other, and what was read stays true.
 */
export class PlanEdit {
  readonly query: Query;
  readonly client: PoolClient;
  readonly fleetId: number;
  readonly routes = new Map<number, DraftRoute>();
  readonly stops = new Map<number, DraftStop>();
  readonly #routesByName = new Map<string, DraftRoute>();
  readonly #stopsByName = new Map<string, DraftStop>();
  readonly newRoutes: DraftRoute[] = [];
  readonly newStops: DraftStop[] = [];

  private constructor(query: Query, client: PoolClient, fleetId: number) {
    this.query = query;
    this.client = client;
    this.fleetId = fleetId;
  }

  /** Waits for whoever is editing plans now. */
  static async begin(query: Query, client: PoolClient, fleetId: number): Promise<PlanEdit> {
    await query("select 1 from plan_revision for update", []);
    return new PlanEdit(query, client, fleetId);
  }

  /** Reads routes with their stops, by id and by external id. */
  async loadRoutes(ids: readonly number[], externalIds: readonly string[] = []): Promise<void> {
    const rows = await this.query<Route>(
      `select ${ROUTE_COLUMNS} from route r
       where r.fleet_id = $1 and (r.route_id = any($2::bigint[]) or r.external_id = any($3::text[]))`,
      [this.fleetId, ids.filter((id) => !this.routes.has(id)), externalIds.filter((id) => !this.#routesByName.has(id))],
    );
    const fresh = rows.filter(({ routeId }) => !this.routes.has(routeId));
    if (fresh.length === 0) return;
    const stops = await this.#readStops("s.route_id = any($2::bigint[]) order by s.position, s.stop_id", [
      fresh.map(({ routeId }) => routeId),
    ]);
    const stopsByRoute = Map.groupBy(stops, ({ routeId }) => routeId);
    for (const stored of fresh) {
      const storedStops: DraftStop[] = [];
      const route: DraftRoute = {
        ...{ stored, storedStops, content: contentOf(stored), status: stored.status, stops: [], reason: null },
      };
      this.routes.set(stored.routeId, route);
      if (stored.externalId !== null) this.#routesByName.set(stored.externalId, route);
      for (const row of stopsByRoute.get(stored.routeId) ?? []) {
        const stop = this.#addStop(row);
        stop.route = route;
        if (row.position !== null) storedStops.push(stop);
      }
      route.stops = [...storedStops];
    }
  }

  /** Reads stops, with the whole routes that they are on. */
  async loadStops(ids: readonly number[], externalIds: readonly string[] = []): Promise<void> {
    const rows = await this.#readStops("(s.stop_id = any($2::bigint[]) or s.external_id = any($3::text[]))", [
      ids.filter((id) => !this.stops.has(id)),
      externalIds.filter((id) => !this.#stopsByName.has(id)),
    ]);
    await this.loadRoutes(rows.flatMap(({ routeId }) => (routeId === null ? [] : [routeId])));
    for (const row of rows) if (!this.stops.has(row.stopId)) this.#addStop(row);
  }

  routeNamed(externalId: string): DraftRoute | undefined {
    return this.#routesByName.get(externalId);
  }

  stopNamed(externalId: string): DraftStop | undefined {
    return this.#stopsByName.get(externalId);
  }

  addRoute(route: DraftRoute): DraftRoute {
    this.newRoutes.push(route);
    if (route.content.externalId !== null) this.#routesByName.set(route.content.externalId, route);
    return route;
  }

  addStop(stop: DraftStop): DraftStop {
    this.newStops.push(stop);
    if (stop.content.externalId !== null) this.#stopsByName.set(stop.content.externalId, stop);
    return stop;
  }

  #readStops(condition: string, values: readonly unknown[]): Promise<StopRow[]> {
    return this.query<StopRow>(
      `select ${STOP_COLUMNS}, g.geofence_id is not null as fenced,
         exists (select from recipient_key k where k.stop_id = s.stop_id and k.destroyed_at is not null) as forgotten
       from stop s left join geofence g on g.geofence_id = s.geofence_id where s.fleet_id = $1 and ${condition}`,
      [this.fleetId, ...values],
    );
  }

  #addStop({ fenced, forgotten, ...stored }: StopRow): DraftStop {
    const content = stopContentOf(stored);
    const stop: DraftStop = { stored, fenced, forgotten, content, status: stored.status, route: null };
    this.stops.set(stored.stopId, stop);
    if (stored.externalId !== null) this.#stopsByName.set(stored.externalId, stop);
    return stop;
  }
}

function contentOf(route: Route): DraftRoute["content"] {
  const { routeId, fleetId, version, status, createdAt, updatedAt, ...content } = route;
  return content;
}

function stopContentOf(stop: Stop): DraftStop["content"] {
  const { stopId, fleetId, version, routeId, position, geofenceId, status, createdAt, updatedAt, ...content } = stop;
  return content;
}
