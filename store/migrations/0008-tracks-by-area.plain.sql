-- Fixes by area and hour, see 0008-tracks-by-area.timescale.sql.
create view area_hour as
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
group by device_id, cell, time_bucket(interval '1 hour', fix_time);
