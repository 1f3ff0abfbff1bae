-- The driver's page: links by which a driver with only a phone works, the phone as a device, and what drivers say of stops.

-- Of a whole working day, so of a driver, not of a stop. The token itself is kept nowhere.
create table driver_link (
  link_id bigint generated always as identity primary key,
  fleet_id integer not null references fleet,
  driver_id integer not null references driver on delete cascade,
  -- SHA-256 of the token. Looked up by its first 8 bytes, compared whole in constant time.
  token_hash bytea not null check (length(token_hash) = 32),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  created_at timestamptz not null default now()
);
create index driver_link_token on driver_link (substring(token_hash for 8));
create index driver_link_driver on driver_link (driver_id, link_id);

-- The phone on which the driver's page runs, as the device that reports its positions. Which phone that is does not matter:
-- positions come with the driver's link.
create table driver_phone (
  driver_id integer primary key references driver on delete cascade,
  device_id integer not null unique references device on delete cascade
);

-- What a driver says: came, left. Kept beside what was observed (`stop_state`), never instead of it; the newest of a kind
-- counts.
create table stop_claim (
  claim_id bigint generated always as identity primary key,
  fleet_id integer not null references fleet,
  stop_id bigint not null references stop on delete cascade,
  driver_id integer references driver on delete set null,
  kind text not null check (kind in ('arrived', 'departed')),
  -- What the phone calls it, so that a retry is not a second one.
  client_key text not null,
  -- By the phone's clock.
  claimed_at timestamptz not null,
  received_at timestamptz not null,
  lat_deg double precision,
  lon_deg double precision,
  accuracy_m real
);
create unique index stop_claim_client_key on stop_claim (fleet_id, client_key);
create index stop_claim_stop on stop_claim (stop_id, claim_id);
