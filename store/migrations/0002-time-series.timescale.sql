-- Time series on TimescaleDB. 0002-time-series.plain.sql gives the same names elsewhere.

-- The journal is divided by `last_seq`, not by time: it is unique across chunks, a reader's "above my cursor" excludes whole
-- chunks, and chunks come in reading order. What lies below a chunk's end is all of its frames. Chunks are kept at about a
-- day by drop_old_frames().
select create_hypertable('frame_batch', by_range('last_seq', 1000000), create_default_indexes => false);
alter table frame_batch set (
  timescaledb.compress,
  timescaledb.compress_segmentby = 'partition',
  timescaledb.compress_orderby = 'last_seq'
);

select create_hypertable('fix', by_range('fix_time', interval '1 day'), create_default_indexes => false);
alter table fix set (
  timescaledb.compress,
  timescaledb.compress_segmentby = 'device_id',
  timescaledb.compress_orderby = 'fix_time'
);
select add_compression_policy('fix', interval '7 days');

create materialized view fix_hour with (timescaledb.continuous, timescaledb.materialized_only = false) as
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
group by device_id, time_bucket(interval '1 hour', fix_time)
with no data;
select add_continuous_aggregate_policy('fix_hour',
  start_offset => interval '7 days', end_offset => interval '1 hour', schedule_interval => interval '30 minutes');

-- Retention and upkeep, called by the maintenance loop. Drops chunks that lie wholly below what must stay; compresses
-- what is older than a day, one chunk a call; sizes the next chunks to about a day. Returns the chunks dropped.
create function drop_old_frames(keep_since timestamptz, rows_max integer) returns bigint language plpgsql as $$
declare
  keep_from bigint := frame_keep_from(keep_since);
  day_ago bigint := frame_seq_at(now() - interval '1 day');
  newest bigint := (select last_value from frame_seq);
  dropped bigint;
  settled regclass;
begin
  if keep_from is null then return 0; end if;
  select count(*) into dropped from drop_chunks('frame_batch', older_than => keep_from);
  select format('%I.%I', c.chunk_schema, c.chunk_name)::regclass into settled
  from timescaledb_information.chunks c
  where c.hypertable_name = 'frame_batch' and not c.is_compressed and c.range_end_integer <= least(day_ago, newest)
  order by c.range_end_integer limit 1;
  if settled is not null then perform compress_chunk(settled); end if;
  perform set_chunk_time_interval('frame_batch', least(5000000, greatest(100000, newest - day_ago)));
  return dropped;
end $$;

create function drop_old_fixes(keep_since timestamptz, rows_max integer) returns bigint language sql as $$
  select count(*) from drop_chunks('fix', older_than => keep_since)
$$;
