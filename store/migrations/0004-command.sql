-- Commands to devices, and who did what with them.

create table command (
  command_id bigint generated always as identity primary key,
  fleet_id integer not null,
  device_id integer not null,
  protocol text not null,
  class text not null check (class in ('normal', 'immobiliser')),
  -- In the words of the protocol's manual.
  text text not null,
  options jsonb not null default '{}',
  -- What must be observed of the device at the moment of sending; null: nothing.
  condition jsonb,
  created_at timestamptz not null default now(),
  -- Null: the command line.
  created_by integer references api_key,
  expires_at timestamptz not null,
  attempts_max smallint not null check (attempts_max >= 1),
  attempts smallint not null default 0,
  state text not null default 'queued' check (
    state in ('queued', 'sending', 'sent', 'answered', 'failed', 'expired', 'refused', 'cancelled')
  ),
  -- The gateway that has it in flight, and until when it may be believed to be alive. Null: not in flight.
  holder text,
  lease_until timestamptz,
  -- Where the journal stood when it was claimed: what the device answered is above.
  claimed_at_seq bigint,
  sent_at timestamptz,
  ended_at timestamptz,
  result text check (result in ('ok', 'error')),
  answer text,
  -- The journalled frame that the answer came in.
  answer_seq bigint,
  error text,
  observed jsonb,
  check (class <> 'immobiliser' or (condition is not null and condition ? 'speedMaxMps' and condition ? 'fixAgeMaxS'))
);
create index command_device on command (device_id, command_id);
create index command_fleet on command (fleet_id, command_id);
create index command_open on command (device_id, command_id) where state = 'queued' or lease_until is not null;
-- However many gateways there are: at most one command of a device is in flight.
create unique index command_in_flight on command (device_id) where lease_until is not null;

create table command_audit (
  audit_id bigint generated always as identity primary key,
  command_id bigint not null references command,
  at timestamptz not null default now(),
  -- `key:<id>`, `command line` or `gateway:<instance>`.
  who text not null,
  action text not null,
  detail jsonb not null default '{}'
);
create index command_audit_command on command_audit (command_id, audit_id);

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception 'command_audit is append-only';
end $$;
create trigger command_audit_append_only before update or delete or truncate on command_audit
for each statement execute function refuse_audit_change();
