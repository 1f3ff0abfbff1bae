-- Fixes by area and hour: heat map, coverage (share that came delayed) and the speed that is driven. A continuous aggregate.
create materialized view area_hour with (timescaledb.continuous, timescaledb.materialized_only = false) as
select
  device_id,
  cell,
  time_bucket(interval '1 hour', fix_time) as hour,
  count(*) as fixes,
  count(*) filter (where late or buffered) as delayed_fixes,
  count(*) filter (where smoothed_speed_mps >= 1.5) as moving_fixes,
  sum(smoothed_speed_mps) filter (where smoothed_speed_mps >= 1.5) as moving_speed_mps_sum,
  max(smoothed_speed_mps) as speed_mps_max
from fix
where cell is not null
group by device_id, cell, time_bucket(interval '1 hour', fix_time)
with no data;
select add_continuous_aggregate_policy('area_hour',
  start_offset => interval '7 days', end_offset => interval '1 hour', schedule_interval => interval '30 minutes');
