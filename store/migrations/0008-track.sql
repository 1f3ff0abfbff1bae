-- What the stream adds to a fix: its smoothed and its matched position. `device_state` and `vehicle_state` repeat those of
-- the position that they show. Null: none, or no road network.

alter table fix
  add column smoothed_lat_deg double precision,
  add column smoothed_lon_deg double precision,
  add column smoothed_speed_mps real,
  add column smoothed_heading_deg real,
  add column smoothed_sigma_m real,
  add column matched_lat_deg double precision,
  add column matched_lon_deg double precision,
  -- OpenStreetMap's way; forward is along its nodes.
  add column matched_way_id bigint,
  add column matched_forward boolean,
  add column matched_confidence real;

alter table device_state
  add column smoothed_lat_deg double precision,
  add column smoothed_lon_deg double precision,
  add column smoothed_speed_mps real,
  add column smoothed_heading_deg real,
  add column smoothed_sigma_m real,
  add column matched_lat_deg double precision,
  add column matched_lon_deg double precision,
  add column matched_way_id bigint,
  add column matched_forward boolean,
  add column matched_confidence real;

alter table vehicle_state
  add column smoothed_lat_deg double precision,
  add column smoothed_lon_deg double precision,
  add column smoothed_speed_mps real,
  add column smoothed_heading_deg real,
  add column smoothed_sigma_m real,
  add column matched_lat_deg double precision,
  add column matched_lon_deg double precision,
  add column matched_way_id bigint,
  add column matched_forward boolean,
  add column matched_confidence real;

-- H3 cell of the position at resolution 9, which areas are counted by.
alter table fix add column cell bigint;

-- What a device's stages remember is a few kilobytes: kept in the row, so that writing it anew stays one write, and as the
-- text that it came as, for nobody searches in it.
alter table device_state set (toast_tuple_target = 8160);
alter table device_state alter column stage_state drop default;
alter table device_state alter column stage_state type json using stage_state::json;
alter table device_state alter column stage_state set default '{}';
alter table device_state alter column stage_state set storage external;

-- Trips as the fold sees them. Late data makes a higher version, which replaces the lower ones.
create table trip (
  trip_id text not null,
  version integer not null,
  fleet_id integer not null,
  device_id integer not null,
  frame_seq bigint not null,
  commit_xid bigint not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  start_lat_deg double precision not null,
  start_lon_deg double precision not null,
  end_lat_deg double precision,
  end_lon_deg double precision,
  start_reason text not null check (start_reason in ('ignition', 'motion', 'gap')),
  end_reason text check (end_reason in ('ignition', 'motion', 'gap')),
  distance_m double precision,
  odometer_m double precision,
  idle_s integer,
  -- [{"fromMs", "toMs", "latDeg", "lonDeg"}, …]
  stops jsonb,
  max_speed_mps real,
  fixes integer,
  replayed boolean not null,
  withdrawn boolean not null,
  primary key (trip_id, version)
);
create index trip_device on trip (device_id, started_at);

-- Segments of ways that were driven, in the order of driving; a trip's path is what its time has.
create table path (
  device_id integer not null,
  frame_seq bigint not null,
  number smallint not null,
  way_id bigint not null,
  forward boolean not null,
  entered_at timestamptz not null,
  left_at timestamptz not null,
  length_m real not null,
  -- Encoded polyline, six decimals.
  line text not null
);
create index path_device on path (device_id, entered_at, frame_seq, number);
create index path_time on path using brin (entered_at) with (autosummarize = on);

-- The newest frame of the device itself: `last_seq` counts notes of the gateway too. A silence is known by it.
alter table device_state add column last_frame_seq bigint not null default 0;
