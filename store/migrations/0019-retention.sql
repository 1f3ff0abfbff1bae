-- What is looked for when it is past its time.
create index recipient_key_kept on recipient_key (created_at) where key is not null;
create index route_tick_at on route_tick using brin (at) with (autosummarize = on);
create index notification_due_at on notification using brin (due_at) with (autosummarize = on);
create index tracking_link_expires on tracking_link using brin (expires_at) with (autosummarize = on);
