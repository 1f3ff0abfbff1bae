-- Fixes by area, see 0008-tracks-by-area.timescale.sql. Whole hours, as there.
create function area_counts(from_at timestamptz, to_at timestamptz, of_fleet integer)
returns table (cell bigint, fixes bigint, delayed_fixes bigint, moving_fixes bigint, moving_speed_mps_sum float8,
  speed_mps_max real)
language sql stable as $$
  select f.cell, count(*), count(*) filter (where f.late or f.buffered),
    count(*) filter (where f.smoothed_speed_mps >= 1.5),
    coalesce(sum(f.smoothed_speed_mps::float8) filter (where f.smoothed_speed_mps >= 1.5), 0), max(f.smoothed_speed_mps)
  from fix f join device d using (device_id)
  where f.fix_time >= time_bucket(interval '1 hour', from_at) and f.fix_time < time_bucket(interval '1 hour', to_at)
    and f.cell is not null and (of_fleet is null or d.fleet_id = of_fleet)
  group by f.cell
$$;
