-- Messages to others that must not be lost: added with the change that they tell of, deleted once they are sent or given
-- up. Whoever takes one moves due_at to the end of the time that it has for it: if it dies, the message is due again.
create table outbox (
    id uuid not null,
    kind text not null,
    payload text not null,
    created_at bigint not null,
    expires_at bigint not null,
    due_at bigint not null,
    attempts bigint not null,
    constraint outbox_pkey primary key (id)
);

create index outbox_kind_due_at_idx on outbox (kind, due_at);
create index outbox_expires_at_idx on outbox (expires_at);
