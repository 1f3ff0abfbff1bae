-- Rests and pauses by half hour under way: how many rests were at stops, how their lengths spread, and shorter halts.
alter table rest_time
  add column at_stops double precision not null default 0,
  add column rest_square_s2 double precision not null default 0,
  -- Half hours under way, rested or not, and the pauses that began in them.
  add column under_way double precision not null default 0,
  add column pauses double precision not null default 0,
  add column pause_s double precision not null default 0,
  add column pause_square_s2 double precision not null default 0;

-- What was learned before: as if all rests of a half hour had lasted the same.
update rest_time set under_way = exposed, rest_square_s2 = case when rests > 0 then rest_s * rest_s / rests else 0 end;

-- What legs took beyond the learned speeds, by the place that was reached and who drove.
create table approach_time (
  fleet_id integer not null references fleet,
  -- Latitude and longitude to four decimals.
  place text not null,
  -- The driver of the route, else its vehicle; empty: not known.
  driver text not null,
  legs double precision not null,
  beyond_s double precision not null,
  primary key (fleet_id, place, driver)
);
