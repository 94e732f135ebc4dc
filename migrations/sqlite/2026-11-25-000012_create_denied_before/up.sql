-- Denials of all tokens of a client (by client_id) or of a user (by sub) that were issued before a time. They are not in the
-- table denylist, because older versions fail on unknown kinds there; here kinds may be added.
create table denied_before (
    kind text not null,
    subject text not null,
    issued_before integer not null,
    denied_at integer not null,
    expires_at integer not null,
    constraint denied_before_pkey primary key (kind, subject, issued_before)
) strict;

create index denied_before_denied_at_idx on denied_before (denied_at);
create index denied_before_expires_at_idx on denied_before (expires_at);
