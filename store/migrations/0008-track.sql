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
