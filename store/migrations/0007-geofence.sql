-- Geofences are judged by the rules of the time of a fix, so every rule they ever had is kept with its time.

-- `revision` counts the changes of a fleet's geofences in the order of their commits; `geofences` is how many there are.
create table geofence_revision (
  fleet_id integer primary key references fleet,
  revision bigint not null,
  geofences integer not null
);

-- The geofences that there are, with the version that counts.
create table geofence (
  geofence_id integer generated always as identity primary key,
  fleet_id integer not null references fleet,
  version integer not null,
  created_at timestamptz not null default now()
);
create index geofence_fleet on geofence (fleet_id, geofence_id);

-- Versions outlive their geofence. `valid_to` null: until today. `revision`: the newest that touched this version.
create table geofence_version (
  geofence_id integer not null,
  version integer not null,
  fleet_id integer not null,
  geometry jsonb not null,
  properties jsonb not null,
  made_at timestamptz not null default now(),
  valid_from timestamptz not null,
  valid_to timestamptz,
  revision bigint not null,
  primary key (geofence_id, version)
);
create index geofence_version_changes on geofence_version (fleet_id, revision, geofence_id, version);
