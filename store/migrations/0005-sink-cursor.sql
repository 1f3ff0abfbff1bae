-- How far a sink (a consumer that sends the fixes feed elsewhere) has delivered: a place of the feed, and when it was there.
create table sink_cursor (
  sink text primary key,
  commit_xid bigint not null,
  fix_id bigint not null,
  saved_at timestamptz not null default now()
);
