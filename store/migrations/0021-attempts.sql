-- A stop that failed and is planned again is expected again: on another route, or with a later window or promise. What its
-- proof of failure says is then about an earlier attempt.

-- Since when it is expected as it is planned now.
alter table stop add column planned_at timestamptz not null default now();
update stop set planned_at = created_at;

-- When it happened: counted back from when it came in, by the phone's own clock, which may be wrong. A phone that does not
-- say what its clock showed at sending is taken to have sent at once.
create function pod_at(received_at timestamptz, sent_at timestamptz, device_time timestamptz) returns timestamptz
language sql stable as $$
  select received_at - greatest(coalesce(sent_at - device_time, interval '0'), interval '0')
$$;

-- When the last attempt failed before the stop was planned as it is now; null: this is the first.
create function failed_before(s stop) returns timestamptz language sql stable as $$
  select max(pod_at(p.received_at, p.sent_at, p.device_time)) from pod p
  where p.stop_id = s.stop_id and p.outcome = 'failed'
    and pod_at(p.received_at, p.sent_at, p.device_time) < s.planned_at
$$;

-- The newest proof of the attempt that counts. What was delivered stays delivered, however it is planned afterwards.
create function current_pod(s stop) returns setof pod rows 1 language sql stable as $$
  select newest.* from (select * from pod p where p.stop_id = s.stop_id order by p.pod_id desc limit 1) newest
  where newest.outcome = 'delivered' or pod_at(newest.received_at, newest.sent_at, newest.device_time) >= s.planned_at
$$;

-- Whoever waits for a new attempt is told again.
alter table notification add column attempt timestamptz not null default '-infinity';
alter table notification drop constraint notification_stop_id_trigger_threshold_key;
alter table notification add unique (stop_id, trigger, threshold, attempt);

-- Contacts that are looked for when they are past their time.
create index stop_contact_kept on stop (updated_at) where contact <> '{}';
