/** Rows of what is planned: routes and stops. SI units, WGS 84 degrees, Unix milliseconds. */

export const STOP_KINDS = ["delivery", "pickup", "service", "collection", "depot"] as const;
export type StopKind = (typeof STOP_KINDS)[number];

/** Degrees, WGS 84. */
export type LatLon = readonly [latDeg: number, lonDeg: number];

/** What may be known of the person waiting. */
export type StopContact = { name?: string; phone?: string; email?: string; locale?: string };

/** What a stop is, as it was asked for. */
export type StopContent = {
  externalId: string | null;
  kind: StopKind;
  latDeg: number;
  lonDeg: number;
  /** Of the stop's geofence, metres. */
  radiusM: number;
  address: string | null;
  contact: StopContact;
  notes: string | null;
  windowStartMs: number | null;
  windowEndMs: number | null;
  serviceS: number | null;
  demand: number;
  promisedByMs: number | null;
  timeZone: string | null;
  policy: { [name: string]: unknown };
};

export type Stop = StopContent & {
  stopId: number;
  fleetId: number;
  /** Counts changes of the content and of the route. */
  version: number;
  /** Null: an order that no route serves yet. */
  routeId: number | null;
  /** From 0 along the route; null where no route serves it (any more). */
  position: number | null;
  /** Null once the stop is long over, or removed. */
  geofenceId: number | null;
  status: "planned" | "removed";
  createdAt: Date;
  updatedAt: Date;
};

/** What a route is besides its stops, as it was asked for. */
export type RouteContent = {
  externalId: string | null;
  name: string | null;
  vehicleId: number | null;
  driverId: number | null;
  brandId: number | null;
  start: LatLon | null;
  end: LatLon | null;
  startsAtMs: number | null;
  endsAtMs: number | null;
  capacity: number | null;
  policy: { [name: string]: unknown };
};

export type Route = RouteContent & {
  routeId: number;
  fleetId: number;
  version: number;
  status: "planned" | "cancelled";
  createdAt: Date;
  updatedAt: Date;
};

/** Why a version of a plan was made. */
export type PlanReason = "created" | "updated" | "assigned" | "resequenced" | "optimised" | "cancelled";

/** Whole plans of one route version, as `route_version.plan` keeps them. */
export type Plan = {
  vehicleId: number | null;
  driverId: number | null;
  status: "planned" | "cancelled";
  startsAtMs: number | null;
  endsAtMs: number | null;
  start: LatLon | null;
  end: LatLon | null;
  stops: PlannedStop[];
};

export type PlannedStop = Pick<
  Stop,
  "stopId" | "version" | "kind" | "latDeg" | "lonDeg" | "windowStartMs" | "windowEndMs" | "promisedByMs" | "serviceS"
> & { geofenceId: number | null };

/** The columns of a `Stop` from `stop s`. */
export const STOP_COLUMNS = `s.stop_id as "stopId", s.fleet_id as "fleetId", s.external_id as "externalId", s.version,
  s.route_id as "routeId", s.position, s.kind, s.lat_deg as "latDeg", s.lon_deg as "lonDeg", s.radius_m as "radiusM",
  s.address, s.contact, s.notes, ${unixMs("s.window_start")} as "windowStartMs",
  ${unixMs("s.window_end")} as "windowEndMs", s.service_s as "serviceS", s.demand,
  ${unixMs("s.promised_by")} as "promisedByMs", s.time_zone as "timeZone", s.policy, s.geofence_id as "geofenceId",
  s.status, s.created_at as "createdAt", s.updated_at as "updatedAt"`;

/** The columns of a `Route` from `route r`. */
export const ROUTE_COLUMNS = `r.route_id as "routeId", r.fleet_id as "fleetId", r.external_id as "externalId", r.version,
  r.name, r.status, r.vehicle_id as "vehicleId", r.driver_id as "driverId", r.brand_id as "brandId",
  case when r.start_lat_deg is not null then json_build_array(r.start_lat_deg, r.start_lon_deg) end as start,
  case when r.end_lat_deg is not null then json_build_array(r.end_lat_deg, r.end_lon_deg) end as "end",
  ${unixMs("r.starts_at")} as "startsAtMs", ${unixMs("r.ends_at")} as "endsAtMs", r.capacity, r.policy,
  r.created_at as "createdAt", r.updated_at as "updatedAt"`;

/** A timestamptz as Unix milliseconds, in SQL. */
export function unixMs(column: string): string {
  return `round(extract(epoch from ${column}) * 1000)::float8`;
}
