-- Drivers, brands, routes and stops: what is planned. These rows are written by the API alone; what is observed of them
-- (arrivals, ETAs, progress) is derived by the stream and lives in `stop_state` and `route_state`.

create table driver (
  driver_id integer generated always as identity primary key,
  fleet_id integer not null references fleet,
  -- What the fleet itself calls it.
  external_id text,
  given_name text not null,
  family_name text,
  phone text,
  email text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index driver_fleet on driver (fleet_id, driver_id);
create unique index driver_external_id on driver (fleet_id, external_id);

-- Whom the person waiting meets: name, colours, support, which fields a tracking link shows, which notifications go out.
create table brand (
  brand_id integer generated always as identity primary key,
  fleet_id integer not null references fleet,
  external_id text,
  name text not null,
  appearance jsonb not null default '{}',
  support jsonb not null default '{}',
  visibility jsonb not null default '{}',
  notifications jsonb not null default '{}',
  -- The brand of routes that name none. At most one a fleet.
  is_default boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index brand_fleet on brand (fleet_id, brand_id);
create unique index brand_external_id on brand (fleet_id, external_id);
create unique index brand_default on brand (fleet_id) where is_default;

create table route (
  route_id bigint generated always as identity primary key,
  fleet_id integer not null references fleet,
  external_id text,
  -- The newest version of the plan; `route_version` keeps them all.
  version integer not null,
  name text,
  -- `cancelled` routes are kept with their stops, which are no longer expected.
  status text not null default 'planned' check (status in ('planned', 'cancelled')),
  vehicle_id integer references vehicle on delete set null,
  driver_id integer references driver on delete set null,
  brand_id integer references brand on delete set null,
  -- Where the vehicle sets off and ends, if not at its first and last stop.
  start_lat_deg double precision,
  start_lon_deg double precision,
  end_lat_deg double precision,
  end_lon_deg double precision,
  -- The shift: when the route may begin and must end.
  starts_at timestamptz,
  ends_at timestamptz,
  -- What the vehicle can carry, in the units of `stop.demand`; null: no limit.
  capacity double precision,
  -- Rules for all stops that have none of their own: temperature limits, required proof.
  policy jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index route_fleet on route (fleet_id, route_id);
create unique index route_external_id on route (fleet_id, external_id);
create index route_vehicle on route (vehicle_id, starts_at);

create table stop (
  stop_id bigint generated always as identity primary key,
  fleet_id integer not null references fleet,
  external_id text,
  version integer not null default 1,
  -- Null: an order that no route serves yet. `position` counts from 0 along the route; null: not served by it any more.
  route_id bigint references route,
  position integer,
  kind text not null default 'delivery' check (kind in ('delivery', 'pickup', 'service', 'collection', 'depot')),
  lat_deg double precision not null,
  lon_deg double precision not null,
  address text,
  -- Of the person waiting: name, phone, email, locale. Erased on request.
  contact jsonb not null default '{}',
  notes text,
  window_start timestamptz,
  window_end timestamptz,
  -- Who comes within this of the place is there: the radius of the stop's geofence, in metres.
  radius_m double precision not null default 75,
  -- Planned time at the stop, in seconds; null: learned, else a default.
  service_s integer check (service_s >= 0),
  demand double precision not null default 0,
  -- Where the promise to the person waiting ends, if not at `window_end`.
  promised_by timestamptz,
  time_zone text,
  policy jsonb not null default '{}',
  -- Its geofence; there is none any more once the stop is long over.
  geofence_id integer,
  -- `removed` stops keep their history; they are no longer expected.
  status text not null default 'planned' check (status in ('planned', 'removed')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index stop_fleet on stop (fleet_id, stop_id);
create unique index stop_external_id on stop (fleet_id, external_id);
create index stop_route on stop (route_id, position);
create index stop_geofence on stop (geofence_id);

-- Every plan a route ever had, whole, so that the stream's fold over it can be repeated. A plan counts for fixes received
-- from `effective_at` on, a moment after it was made, so that whoever folds has heard of it by then.
-- `plan`: {"vehicleId", "driverId", "status", "startsAtMs", "endsAtMs", "start": [lat, lon] | null, "end": … | null,
--   "stops": [{"stopId", "version", "kind", "latDeg", "lonDeg", "geofenceId", "windowStartMs", "windowEndMs",
--   "promisedByMs", "serviceS"}, …]} in driving order.
create table route_version (
  route_id bigint not null references route,
  version integer not null,
  fleet_id integer not null,
  -- `created`, `updated`, `assigned`, `resequenced`, `optimised`, `cancelled`
  reason text not null,
  made_at timestamptz not null default now(),
  effective_at timestamptz not null,
  -- Counts all plan changes in the order of their commits (the row of `plan_revision` is locked).
  revision bigint not null unique,
  plan jsonb not null,
  primary key (route_id, version)
);

create table plan_revision (
  one boolean primary key default true check (one),
  revision bigint not null
);
insert into plan_revision values (true, 0);

-- Geofences that come and go with a stop.
alter table geofence add column of_stop boolean not null default false;

-- Derived by the stream from plan and telemetry.
create table route_state (
  route_id bigint primary key references route on delete cascade,
  version integer not null,
  status text not null check (status in ('planned', 'started', 'completed', 'cancelled')),
  started_at timestamptz,
  completed_at timestamptz,
  -- The stop being driven to, or stood at.
  current_stop_id bigint,
  -- The rest of the way as the ETA assumes it: an encoded polyline (precision 5) from the vehicle through all stops.
  remaining_path text,
  fold jsonb not null
);

create table stop_state (
  stop_id bigint primary key references stop on delete cascade,
  route_id bigint not null,
  status text not null check (
    status in ('planned', 'en_route', 'approaching', 'arrived', 'departed', 'missed', 'cancelled')
  ),
  arrived_at timestamptz,
  departed_at timestamptz,
  stops_before integer,
  -- The newest ETA: median and the bounds of 80 % around it; null with a reason in `eta_basis`/`eta_reason`.
  eta_p10 timestamptz,
  eta_p50 timestamptz,
  eta_p90 timestamptz,
  eta_computed_at timestamptz,
  eta_basis text check (eta_basis in ('live', 'degraded', 'planned')),
  eta_reason text,
  -- The ETA that was last told to the person waiting: it moves only when it moves enough.
  told_p10 timestamptz,
  told_p50 timestamptz,
  told_p90 timestamptz,
  told_at timestamptz,
  at_risk boolean not null default false
);

-- Answers kept for `Idempotency-Key`: the same key and request get the same answer for a day. Neither the key nor the
-- answer can be read here: the answer is sealed with the key, of which only the SHA-256 is kept.
create table idempotency_key (
  -- 0: keys for all fleets.
  fleet_id integer not null,
  key_hash bytea not null,
  request_hash bytea not null,
  -- Null: in flight until `held_until`, when whoever held it is taken to be dead.
  status smallint,
  answer bytea,
  held_until timestamptz not null,
  created_at timestamptz not null default now(),
  primary key (fleet_id, key_hash)
);
create index idempotency_key_age on idempotency_key (created_at);
