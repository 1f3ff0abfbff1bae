-- Retention and upkeep, called by the maintenance loop. Drops chunks that lie wholly below what must stay; compresses
-- what is older than a day, one chunk a call; sizes the next chunks to about a day. Returns the chunks dropped. Bisection is
-- at a loss where a clock was set back: no chunk goes before an older frame that has to stay. One received after now, by a
-- clock that ran ahead, keeps nobody.
create or replace function drop_old_frames(keep_since timestamptz, rows_max integer) returns bigint language plpgsql as $$
declare
  keep_from bigint := frame_keep_from(keep_since);
  day_ago bigint := frame_seq_at(now() - interval '1 day');
  newest bigint := (select last_value from frame_seq);
  dropped bigint;
  settled regclass;
begin
  keep_from := least(keep_from, (select min(b.seq) from frame_batch b
    where b.last_seq < keep_from and b.received_to between keep_since and now() + interval '1 day'));
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
