-- One row for each login, however often it is refreshed. No column that a rotation writes is indexed.
create table sessions (
    id blob not null constraint sessions_id_length check (length(id) = 16),
    user_id blob not null,
    label text,
    user_agent text,
    ip text,
    created_at integer not null,
    expires_at integer not null,
    denied_through integer not null,
    rotated_at integer not null,
    refresh_expires_at integer not null,
    access_expires_by integer not null,
    ended_at integer,
    end_reason text,
    constraint sessions_pkey primary key (id),
    constraint sessions_user_id_fkey foreign key (user_id) references users (id) on delete cascade,
    constraint sessions_end_is_whole check ((ended_at is null) = (end_reason is null))
) strict;

create index sessions_user_id_idx on sessions (user_id);
