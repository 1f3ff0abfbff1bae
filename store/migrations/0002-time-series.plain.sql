-- Time series without TimescaleDB: the names of 0002-time-series.timescale.sql as plain tables, view and functions.

create function time_bucket(width interval, at timestamptz) returns timestamptz
language sql immutable strict parallel safe as $$
  select date_bin(width, at, timestamptz '2000-01-03 00:00:00+00')
$$;

create view fix_hour as
select
  device_id,
  time_bucket(interval '1 hour', fix_time) as hour,
  count(*) as fixes,
  count(*) filter (where valid) as valid_fixes,
  count(*) filter (where late) as late_fixes,
  max(speed_mps) as speed_mps_max,
  avg(speed_mps) as speed_mps_mean,
  min(fix_time) as first_fix_time,
  max(fix_time) as last_fix_time
from fix
group by device_id, time_bucket(interval '1 hour', fix_time);

create index fix_time_order on fix using brin (fix_time) with (autosummarize = on);

-- Retention, called by the maintenance loop until it returns less than `rows_max`. Returns what was dropped: frames, by
-- whole rows of the journal, and fixes.
create function drop_old_frames(keep_since timestamptz, rows_max integer) returns bigint language sql as $$
  with oldest as (
    select b.last_seq, sum(b.last_seq - b.seq + 1) over (order by b.last_seq) - (b.last_seq - b.seq + 1) as before
    from frame_batch b where b.last_seq < frame_keep_from(keep_since) order by b.last_seq limit rows_max
  ),
  dropped as (
    delete from frame_batch where last_seq in (select last_seq from oldest where before < rows_max)
    returning last_seq - seq + 1 as frames
  )
  select coalesce(sum(frames), 0)::bigint from dropped
$$;

create function drop_old_fixes(keep_since timestamptz, rows_max integer) returns bigint language sql as $$
  with dropped as (
    delete from fix where ctid in (select f.ctid from fix f where f.fix_time < keep_since limit rows_max)
    returning 1
  )
  select count(*) from dropped
$$;
