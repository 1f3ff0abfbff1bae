-- What happened at one stop, and which devices quarrelled lately, without reading all events.
create index event_stop on event ((data->>'stopId'), event_seq) where data ? 'stopId';
create index event_conflict on event (fleet_id, occurred_at) where type = 'device.identity_conflict';
-- Frames that wait to be understood are few among all that were ever kept.
create index quarantine_open on quarantine (device_id) where resolved_at is null;
