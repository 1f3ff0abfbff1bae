-- Webhooks. `webhook_delivery` is the outbox: its rows are written in the transaction of the event. Whoever writes them
-- only inserts; everything else about an endpoint's deliveries happens under the lock of the endpoint's row.

create table webhook_endpoint (
  endpoint_id integer generated always as identity primary key,
  fleet_id integer not null references fleet,
  url text not null,
  description text,
  -- Names of events, or `stop.*` for all of a family. Null: every event.
  events text[],
  -- Needed in clear to sign. `previous_secret` signs too until its time.
  secret text not null,
  previous_secret text,
  previous_secret_until timestamptz,
  -- Null: enabled. `asked`: by its owner; `gone`: it answered 410; `failing`: nothing was taken for days.
  disabled_reason text check (disabled_reason in ('asked', 'gone', 'failing')),
  disabled_at timestamptz,
  -- The first failed attempt since the last one that was taken.
  failing_since timestamptz,
  -- The process that delivers to it now.
  lease_token uuid,
  leased_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index webhook_endpoint_fleet on webhook_endpoint (fleet_id, endpoint_id);

-- One event for one endpoint. No foreign key to the endpoint: an event must not fail because an endpoint goes at that
-- moment; rows that are left over are dropped with the old ones.
create table webhook_delivery (
  delivery_id bigint generated always as identity primary key,
  endpoint_id integer not null,
  event_id text not null,
  -- Its place among the events; the order within a subject.
  event_seq bigint not null,
  event_type text not null,
  -- Deliveries of one subject go one after the other: `stop:ID`, else `device:ID`, else `route:ID`, else the event itself.
  subject text not null,
  -- new: just written or asked for again. waiting: an earlier one of its subject comes first. ready: due at
  -- `next_attempt_at`, or under way if it has a lease. delivered: taken. dead: given up.
  status text not null default 'new' check (status in ('new', 'waiting', 'ready', 'delivered', 'dead')),
  -- Attempts ever begun, which numbers them; and failures since it was last asked for, which is the place in the schedule.
  attempts integer not null default 0,
  failures integer not null default 0,
  next_attempt_at timestamptz,
  lease_token uuid,
  last_outcome text,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  unique (endpoint_id, event_id)
);
create index webhook_delivery_new on webhook_delivery (endpoint_id, event_seq) where status = 'new';
create index webhook_delivery_ready on webhook_delivery (endpoint_id, next_attempt_at) where status = 'ready';
create index webhook_delivery_open on webhook_delivery (endpoint_id, subject, event_seq)
  where status in ('new', 'waiting', 'ready');
create index webhook_delivery_leased on webhook_delivery (endpoint_id) where lease_token is not null;
create index webhook_delivery_log on webhook_delivery (endpoint_id, status, delivery_id);
create index webhook_delivery_finished on webhook_delivery (finished_at) where finished_at is not null;

create table webhook_attempt (
  delivery_id bigint not null references webhook_delivery on delete cascade,
  attempt integer not null,
  started_at timestamptz not null,
  duration_ms integer not null,
  outcome text not null,
  -- The HTTP status; null where there was no answer.
  status smallint,
  -- What went wrong, in words; and the beginning of the answer's body.
  detail text,
  answer text,
  primary key (delivery_id, attempt)
);

-- Events of a time, to be delivered again. They are detected about in the order in which they are stored.
create index event_detected on event using brin (detected_at) with (autosummarize = on);
