-- Every ETA that was issued, and what a fleet has learned from its own driving.

create table eta (
  eta_id bigint generated always as identity primary key,
  -- The transaction that wrote the row; the feed reads in (commit_xid, eta_id) order.
  commit_xid bigint not null,
  fleet_id integer not null,
  route_id bigint not null,
  stop_id bigint not null,
  computed_at timestamptz not null,
  -- All null where none could be given, with the reason.
  p10 timestamptz,
  p50 timestamptz,
  p90 timestamptz,
  basis text check (basis in ('live', 'degraded', 'planned')),
  reason text not null,
  -- The person waiting was told.
  told boolean not null default false,
  -- What the quantiles rest on: the outlook before calibration, the errors that calibrate it, and who knew them.
  expected_ms double precision,
  spread_s double precision,
  rest_share double precision,
  rest_s double precision,
  bucket text,
  traffic real,
  model_version integer not null
);
create index eta_feed on eta (commit_xid, eta_id);
create index eta_stop on eta (stop_id, computed_at);
create index eta_fleet on eta (fleet_id, computed_at);
-- ETAs of a stop or route that goes are kept: they were issued.

-- Arrivals are observed and may be revised by late data: an ETA's error is looked up, not stored.
create view eta_scored as
select e.*, s.arrived_at
from eta e join stop_state s using (stop_id)
where e.p50 is not null and s.arrived_at is not null and s.arrived_at >= e.computed_at;

-- Areas of about a kilometre, as `stream/eta/area.ts` counts them.
create function eta_area(lat_deg double precision, lon_deg double precision) returns bigint language sql immutable as $$
  select floor((lat_deg + 90) * 100)::bigint * 36000 + floor((lon_deg + 180) * 50)::bigint
$$;

-- What has been learned, as sums that fade; `eta_model` is what follows from them.
create table segment_speed (
  fleet_id integer not null references fleet,
  -- OpenStreetMap way, and whether it was driven along its nodes.
  way_id bigint not null,
  forward boolean not null,
  road_class smallint not null,
  area bigint not null,
  -- Hour of a working day 0 to 23, of a Saturday 24 to 47, of a Sunday 48 to 71, local to the fleet.
  slot smallint not null,
  driven_s double precision not null,
  free_s double precision not null,
  primary key (fleet_id, way_id, forward, area, slot)
);

create table service_time (
  fleet_id integer not null references fleet,
  -- Latitude and longitude to four decimals.
  place text not null,
  kind text not null,
  -- Who served: the driver of the route, else its vehicle; empty: not known.
  driver text not null,
  visits double precision not null,
  sum_share double precision not null,
  sum_log double precision not null,
  sum_log_square double precision not null,
  primary key (fleet_id, kind, place, driver)
);

create table rest_time (
  fleet_id integer not null references fleet,
  half_hour smallint not null,
  exposed double precision not null,
  rests double precision not null,
  rest_s double precision not null,
  primary key (fleet_id, half_hour)
);

create table eta_error (
  fleet_id integer not null references fleet,
  -- Basis, halt, horizon and part of the week, see `stream/eta/errors.ts`.
  bucket text not null,
  counts double precision[] not null,
  primary key (fleet_id, bucket)
);

-- Versions rise by one a period; ETAs name the one that they were computed with.
create table eta_model (
  fleet_id integer not null references fleet,
  version integer not null,
  -- Everything observed before this time has taught it.
  learned_until timestamptz not null,
  made_at timestamptz not null default now(),
  model jsonb not null,
  primary key (fleet_id, version)
);
