-- What the person waiting is told, each thing once.

-- A trigger of a stop that was reached: at most one row for each threshold, so nothing is told twice. `passed` rows were
-- reached together with a nearer one and are never told.
create table notification (
  notification_id bigint generated always as identity primary key,
  fleet_id integer not null references fleet,
  stop_id bigint not null references stop on delete cascade,
  trigger text not null check (
    trigger in ('routeStarted', 'stopsAway', 'minutesAway', 'arrived', 'delivered', 'failed', 'delayed')
  ),
  -- Stops or minutes; 0 where the trigger has none.
  threshold integer not null,
  passed boolean not null default false,
  due_at timestamptz not null,
  unique (stop_id, trigger, threshold)
);

-- One message of a notification by one channel.
create table notification_message (
  message_id bigint generated always as identity primary key,
  notification_id bigint not null references notification on delete cascade,
  channel text not null check (channel in ('email', 'sms')),
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'failed', 'skipped')),
  -- Why it was not sent: the last error, `quiet_hours`, `too_late`, `not_awaited`, `no_address`, `no_channel`.
  reason text,
  attempts smallint not null default 0,
  next_at timestamptz not null,
  -- What is not sent by then is not worth sending any more.
  expires_at timestamptz not null,
  lease_until timestamptz,
  ended_at timestamptz,
  unique (notification_id, channel)
);
create index notification_message_due on notification_message (next_at) where state = 'waiting';

-- How far the events feed has been looked through for triggers.
create table notification_cursor (
  one boolean primary key default true check (one),
  commit_xid bigint not null,
  event_seq bigint not null
);
