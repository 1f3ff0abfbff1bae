-- Proofs of delivery: what was handed in, what telemetry says of it, and the chain of evidence.

-- Keys that this installation made up for itself, by purpose (`artefact urls`).
create table own_secret (
  purpose text primary key,
  secret bytea not null
);

-- Whatever is personal of a stop's recipient is stored under this key alone. Null: destroyed, and nobody can read it.
create table recipient_key (
  stop_id bigint primary key references stop on delete cascade,
  key bytea,
  created_at timestamptz not null default now(),
  destroyed_at timestamptz,
  check ((key is null) = (destroyed_at is not null))
);

-- Wrong PINs of recipients: a PIN is short, so it is not to be guessed.
create table pin_failure (
  stop_id bigint primary key references stop on delete cascade,
  failures integer not null
);

create table pod (
  pod_id bigint generated always as identity primary key,
  fleet_id integer not null references fleet,
  stop_id bigint not null references stop,
  -- As they were when it came in.
  route_id bigint,
  route_version integer,
  vehicle_id integer,
  driver_id integer,
  -- What its sender calls it, so that a retry is not a second one, and a hash of what it said.
  client_key text,
  content_hash bytea not null,
  outcome text not null check (outcome in ('delivered', 'failed')),
  -- Why a delivery failed: a word of the fleet's own list.
  reason text,
  -- By the phone's clock: when it was made, and what the clock showed when it was sent.
  device_time timestamptz not null,
  sent_at timestamptz,
  received_at timestamptz not null,
  lat_deg double precision,
  lon_deg double precision,
  accuracy_m real,
  position_time timestamptz,
  mock boolean not null default false,
  -- What the job asks for and this lacks; whether the PIN was right (null: none was asked for).
  missing text[] not null default '{}',
  pin_confirmed boolean,
  -- Recipient, relationship, notes, scans, id check: JSON under the recipient's key. AES-256-GCM: nonce, tag, text.
  sealed bytea not null,
  erased_at timestamptz,
  -- When to judge it (again); null: when something is heard that touches it.
  judge_at timestamptz,
  commit_xid bigint not null
);
create unique index pod_client_key on pod (fleet_id, client_key);
create index pod_stop on pod (stop_id, pod_id);
create index pod_fleet on pod (fleet_id, pod_id);
create index pod_feed on pod (commit_xid, pod_id);
create index pod_due on pod (judge_at) where judge_at is not null;
create index pod_vehicle on pod (vehicle_id, received_at);
create index pod_driver on pod (driver_id, received_at);

create table artefact (
  artefact_id bigint generated always as identity primary key,
  fleet_id integer not null,
  pod_id bigint not null references pod,
  stop_id bigint not null,
  kind text not null check (kind in ('photo', 'signature')),
  media_type text not null,
  bytes integer not null,
  -- Of what was uploaded, which the same photo has wherever it is used; and of what is stored.
  sha256 bytea not null,
  sealed_sha256 bytea not null,
  -- Under the recipient's key; null once erased.
  sealed bytea
);
alter table artefact alter column sealed set storage external;
create index artefact_pod on artefact (pod_id, artefact_id);
create index artefact_content on artefact (fleet_id, sha256);

-- Who did what with proof: uploaded, viewed, exported, overridden, erased.
create table custody (
  custody_id bigint generated always as identity primary key,
  fleet_id integer not null,
  stop_id bigint not null,
  pod_id bigint,
  artefact_id bigint,
  at timestamptz not null default now(),
  -- `key:<id>`, `signed url`, `driver link:<id>`.
  who text not null,
  action text not null,
  detail jsonb not null default '{}'
);
create index custody_pod on custody (pod_id, custody_id);

create function refuse_custody_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name;
end $$;
create trigger custody_append_only before update or delete or truncate on custody
for each statement execute function refuse_custody_change();

-- Version n+1 stands beside n, nothing is overwritten.
create table pod_verdict (
  pod_id bigint not null references pod,
  version integer not null,
  fleet_id integer not null,
  verdict text not null check (
    verdict in ('corroborated', 'corroborated_with_exceptions', 'inconclusive', 'contradicted', 'not_evaluated')
  ),
  rule_version integer not null,
  evaluated_at timestamptz not null,
  pod_at timestamptz not null,
  pod_time_certain boolean not null,
  reasons jsonb not null,
  temperature jsonb,
  explanation text[] not null,
  map text not null,
  -- Codes that came and went since the version before.
  appeared text[] not null,
  vanished text[] not null,
  primary key (pod_id, version)
);
create trigger pod_verdict_append_only before update or delete or truncate on pod_verdict
for each statement execute function refuse_custody_change();

-- A person's word, beside the verdict and never instead of it.
create table pod_override (
  override_id bigint generated always as identity primary key,
  pod_id bigint not null references pod,
  fleet_id integer not null,
  verdict text not null check (verdict in ('accepted', 'rejected')),
  note text not null,
  who text not null,
  at timestamptz not null default now()
);
create index pod_override_pod on pod_override (pod_id, override_id);
create trigger pod_override_append_only before update or delete or truncate on pod_override
for each statement execute function refuse_custody_change();

-- The chain of a fleet: each entry's hash covers the one before. `content`: canonical JSON (RFC 8785).
create table evidence_chain (
  fleet_id integer primary key references fleet,
  position bigint not null,
  head bytea not null
);
create table evidence (
  fleet_id integer not null,
  position bigint not null,
  kind text not null check (kind in ('verdict', 'override', 'erasure')),
  pod_id bigint,
  stop_id bigint not null,
  pod_version integer,
  content text not null,
  content_sha256 bytea not null,
  chain_sha256 bytea not null,
  -- What the entry names by hash (fixes, events), as JSON lines, deflated: kept after the tables have dropped it.
  material bytea,
  at timestamptz not null default now(),
  primary key (fleet_id, position)
);
create index evidence_pod on evidence (pod_id, position);
create trigger evidence_append_only before update or delete or truncate on evidence
for each statement execute function refuse_custody_change();

-- Which telemetry touches which PODs: the fixes of these devices at these times.
create table pod_watch (
  pod_id bigint not null references pod on delete cascade,
  device_id integer not null,
  from_time timestamptz not null,
  to_time timestamptz not null,
  primary key (pod_id, device_id)
);
create index pod_watch_device on pod_watch (device_id, to_time);

-- How far the judge has read the fixes feed.
create table judge_cursor (
  one boolean primary key default true check (one),
  commit_xid bigint not null,
  fix_id bigint not null
);
