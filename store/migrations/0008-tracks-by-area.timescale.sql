-- Fixes by area and hour: heat map, coverage (share that came delayed) and the speed that is driven. A continuous
-- aggregate; `area_counts` reads it, and elsewhere the fixes themselves.
create materialized view area_hour with (timescaledb.continuous, timescaledb.materialized_only = false) as
select
  device_id,
  cell,
  time_bucket(interval '1 hour', fix_time) as hour,
  count(*) as fixes,
  count(*) filter (where late or buffered) as delayed_fixes,
  count(*) filter (where smoothed_speed_mps >= 1.5) as moving_fixes,
  sum(smoothed_speed_mps::float8) filter (where smoothed_speed_mps >= 1.5) as moving_speed_mps_sum,
  max(smoothed_speed_mps) as speed_mps_max
from fix
where cell is not null
group by device_id, cell, time_bucket(interval '1 hour', fix_time)
with no data;
select add_continuous_aggregate_policy('area_hour',
  start_offset => interval '7 days', end_offset => interval '1 hour', schedule_interval => interval '30 minutes');

create function area_counts(from_at timestamptz, to_at timestamptz, of_fleet integer)
returns table (cell bigint, fixes bigint, delayed_fixes bigint, moving_fixes bigint, moving_speed_mps_sum float8,
  speed_mps_max real)
language sql stable as $$
  select h.cell, sum(h.fixes)::bigint, sum(h.delayed_fixes)::bigint, sum(h.moving_fixes)::bigint,
    coalesce(sum(h.moving_speed_mps_sum), 0), max(h.speed_mps_max)
  from area_hour h join device d using (device_id)
  where h.hour >= time_bucket(interval '1 hour', from_at) and h.hour < time_bucket(interval '1 hour', to_at)
    and (of_fleet is null or d.fleet_id = of_fleet)
  group by h.cell
$$;
