-- A key and its answer are written in the transaction of what they answer for: nothing is in flight in this table any more.
-- Whoever is at work holds an advisory lock, which ends with its connection.
delete from idempotency_key where status is null or answer is null;
alter table idempotency_key alter column status set not null, alter column answer set not null;
alter table idempotency_key drop column held_until;
