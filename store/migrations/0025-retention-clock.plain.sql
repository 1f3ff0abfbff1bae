-- Retention, called by the maintenance loop until it returns less than `rows_max`. Returns what was dropped: frames, by
-- whole rows of the journal, and fixes. Bisection is at a loss where a clock was set back: no row goes before an older one
-- that has to stay. One received after now, by a clock that ran ahead, keeps nobody.
create or replace function drop_old_frames(keep_since timestamptz, rows_max integer) returns bigint language sql as $$
  with oldest as (
    select b.last_seq, b.received_to between keep_since and now() + interval '1 day' as stays,
      sum(b.last_seq - b.seq + 1) over (order by b.last_seq) - (b.last_seq - b.seq + 1) as before
    from frame_batch b where b.last_seq < frame_keep_from(keep_since) order by b.last_seq limit rows_max
  ),
  dropped as (
    delete from frame_batch where last_seq in (
      select last_seq from oldest
      where before < rows_max and last_seq < coalesce((select min(s.last_seq) from oldest s where s.stays), last_seq + 1)
    )
    returning last_seq - seq + 1 as frames
  )
  select coalesce(sum(frames), 0)::bigint from dropped
$$;
