import polyline from "@mapbox/polyline";
import type { Database } from "#store/database.ts";

/** For tests and benchmarks: a route as the stream would have left it, half driven. */

export type TrackedRoute = {
  routeId: number;
  vehicleId: number;
  stopIds: number[];
  vehicle: { latDeg: number; lonDeg: number };
};

type RouteOptions = {
  fleetId?: number;
  stops?: number;
  /** Of the first stop; further stops follow at a few hundred metres. */
  place?: { latDeg: number; lonDeg: number };
  /** Of the vehicle to the first stop. */
  awayDeg?: number;
};

const PORTO = { latDeg: 41.15, lonDeg: -8.61 };
const MINUTE_MS = 60_000;
/** A red square. */
const LOGO =
  "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCA0IDEiPjxwYXRoIGQ9Ik0wIDBoNHYxSDB6IiBmaWxsPSIjYzIyIi8+PC9zdmc+";

/** Stores a route of a van on its way to its first stop, with brand, driver and told ETAs. */
export async function storeTrackedRoute(
  database: Database,
  nowMs: number,
  options: RouteOptions = {},
): Promise<TrackedRoute> {
  const { fleetId = 1, stops = 3, place = PORTO, awayDeg = 0.006 } = options;
  const one = async (sql: string, values: readonly unknown[]): Promise<number> =>
    Object.values((await database.pool.query(sql, [...values])).rows[0])[0] as number;
  const brandId = await one(
    `insert into brand (fleet_id, name, appearance, support)
     values ($1, 'Fresh & Co', $2, '{"phone": "+351 222 000 000", "email": "help@fresh.example"}') returning brand_id`,
    [fleetId, JSON.stringify({ logo: LOGO, colour: "#c2185b" })],
  );
  const driverId = await one(
    "insert into driver (fleet_id, given_name, family_name) values ($1, 'Ana', 'Sousa') returning driver_id",
    [fleetId],
  );
  const vehicleId = await one(
    "insert into vehicle (fleet_id, kind, name) values ($1, 'van', 'AB-12-CD') returning vehicle_id",
    [fleetId],
  );
  const routeId = await one(
    `insert into route (fleet_id, version, vehicle_id, driver_id, brand_id) values ($1, 1, $2, $3, $4) returning route_id`,
    [fleetId, vehicleId, driverId, brandId],
  );
  const vehicle = { latDeg: place.latDeg - awayDeg, lonDeg: place.lonDeg };
  await placeVehicle(database, { fleetId, vehicleId, ...vehicle, timeMs: nowMs - 5_000 });
  const stopIds: number[] = [];
  const path: [number, number][] = [[vehicle.latDeg, vehicle.lonDeg]];
  for (let position = 0; position < stops; position++) {
    const latDeg = place.latDeg + position * 0.004;
    const [bendDeg, eastDeg] = [latDeg - 0.0036, place.lonDeg + 0.0018];
    path.push([bendDeg, place.lonDeg], [bendDeg, eastDeg], [latDeg, eastDeg], [latDeg, place.lonDeg]);
    const stopId = await one(
      `insert into stop (fleet_id, route_id, position, lat_deg, lon_deg, address, time_zone, window_start, window_end)
       values ($1, $2, $3, $4, $5, $6, 'Europe/Lisbon', $7, $8) returning stop_id`,
      [
        fleetId,
        routeId,
        position,
        latDeg,
        place.lonDeg,
        `Rua ${position}`,
        new Date(nowMs - 60 * MINUTE_MS),
        new Date(nowMs + 60 * MINUTE_MS),
      ],
    );
    stopIds.push(stopId);
    const p50Ms = nowMs + (9 + position * 10) * MINUTE_MS;
    const [p10, p50, p90] = [p50Ms - 3 * MINUTE_MS, p50Ms, p50Ms + 7 * MINUTE_MS].map((ms) => new Date(ms));
    await database.pool.query(
      `insert into stop_state (stop_id, route_id, status, stops_before, eta_p10, eta_p50, eta_p90, eta_computed_at,
         eta_basis, told_p10, told_p50, told_p90, told_at)
       values ($1, $2, 'en_route', $3, $4, $5, $6, $7, 'live', $4, $5, $6, $7)`,
      [stopId, routeId, position, p10, p50, p90, new Date(nowMs)],
    );
  }
  await database.pool.query(
    `insert into route_state (route_id, version, status, started_at, current_stop_id, remaining_path, fold)
     values ($1, 1, 'started', $2, $3, $4, '{}')`,
    [routeId, new Date(nowMs - 40 * MINUTE_MS), stopIds[0], polyline.encode(path)],
  );
  return { routeId, vehicleId, stopIds, vehicle };
}

type Placed = { fleetId: number; vehicleId: number; latDeg: number; lonDeg: number; timeMs: number };

/** Puts a vehicle somewhere, with a tracker of its own where it has none yet. */
export async function placeVehicle(database: Database, placed: Placed): Promise<void> {
  const { fleetId, vehicleId, latDeg, lonDeg, timeMs } = placed;
  await database.pool.query(
    `with tracker as (
       insert into device (fleet_id, uid, protocol) values ($1, 'tracker-' || $2::integer, 'teltonika')
       on conflict (uid) do update set updated_at = now() returning device_id
     ), bound as (
       insert into vehicle_device (vehicle_id, device_id, priority, bound_from)
       select $2, device_id, 1, '2026-01-01' from tracker
       where not exists (select from vehicle_device b where b.vehicle_id = $2 and b.bound_to is null)
     )
     insert into vehicle_state (vehicle_id, basis, newest, fold, device_id, reason, since, fix_id, fix_time, received_at, protocol,
       lat_deg, lon_deg, heading_deg, speed_mps)
     select $2, '', '{}', '{}', device_id, 'stale', $5, 2048, $5, $5, 'teltonika', $3, $4, 0, 9 from tracker
     on conflict (vehicle_id) do update set lat_deg = $3, lon_deg = $4, fix_time = $5, received_at = $5`,
    [fleetId, vehicleId, latDeg, lonDeg, new Date(timeMs)],
  );
}
