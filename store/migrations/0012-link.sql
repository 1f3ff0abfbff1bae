-- Links by which the person waiting follows one stop. The token itself is kept nowhere.

create table tracking_link (
  link_id bigint generated always as identity primary key,
  fleet_id integer not null references fleet,
  stop_id bigint not null references stop on delete cascade,
  -- SHA-256 of the token. Looked up by its first 8 bytes, compared whole in constant time.
  token_hash bytea not null check (length(token_hash) = 32),
  -- What this link shows where it differs from its brand: field → rule.
  visibility jsonb not null default '{}',
  not_before timestamptz,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  -- How often its page was opened; by whom or when is not kept.
  views integer not null default 0,
  created_at timestamptz not null default now()
);
create index tracking_link_token on tracking_link (substring(token_hash for 8));
create index tracking_link_stop on tracking_link (stop_id, link_id);

-- Privacy zones are few among many geofences, and every tracking page asks for them.
create index geofence_version_privacy on geofence_version (fleet_id)
  where valid_to is null and (properties @> '{"privacy": true}' or properties @> '{"kind": "privacy"}');
