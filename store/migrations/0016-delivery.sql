-- The fold of routes: what came from outside the journal gets a place in it, once, so that folding again gives the same.

-- A plan counts before the first frame of this or a higher position; null: not taken up by the stream yet.
alter table route_version add column from_seq bigint;

-- The clock, where it told a route something that no frame did: a silence, an hour that has passed.
create table route_tick (
  route_id bigint not null references route on delete cascade,
  from_seq bigint not null,
  at timestamptz not null,
  primary key (route_id, from_seq, at)
);

create index event_crossing on event (device_id, frame_seq) where type in ('geofence.entered', 'geofence.exited');
