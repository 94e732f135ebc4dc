-- Messages to other servers that must not be lost: added together with the change that they report, deleted when they are sent or
-- given up. The instance that takes one sets due_at to the end of its lease; if it fails, the message is due again.
create table outbox (
    id blob not null constraint outbox_id_length check (length(id) = 16),
    kind text not null,
    payload text not null,
    created_at integer not null,
    expires_at integer not null,
    due_at integer not null,
    attempts integer not null,
    constraint outbox_pkey primary key (id)
) strict;

create index outbox_kind_due_at_idx on outbox (kind, due_at);
create index outbox_expires_at_idx on outbox (expires_at);
