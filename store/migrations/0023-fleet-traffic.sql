-- What a fleet's vehicles met on the roads in the last minutes, as sums that fade with age; written with the states of the
-- routes that they come from, so that folding on after a restart counts every drive once. Area -1: the whole fleet.
create table fleet_traffic (
  fleet_id integer not null references fleet,
  area bigint not null,
  -- Seconds taken, and those that learned speeds would take, as of `at`.
  driven_s double precision not null,
  expected_s double precision not null,
  at timestamptz not null,
  primary key (fleet_id, area)
);
