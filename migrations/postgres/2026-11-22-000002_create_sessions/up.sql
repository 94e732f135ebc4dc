-- One row for each login, however often it is refreshed. No column that a rotation writes is indexed, and the pages
-- keep room, so that a rotation is an in-page (HOT) update.
create table sessions (
    id uuid not null,
    user_id uuid not null,
    label text,
    user_agent text,
    ip text,
    created_at bigint not null,
    expires_at bigint not null,
    denied_through bigint not null,
    rotated_at bigint not null,
    refresh_expires_at bigint not null,
    access_expires_by bigint not null,
    ended_at bigint,
    end_reason text,
    constraint sessions_pkey primary key (id),
    constraint sessions_user_id_fkey foreign key (user_id) references users (id) on delete cascade,
    constraint sessions_end_is_whole check ((ended_at is null) = (end_reason is null))
) with (fillfactor = 85);

create index sessions_user_id_idx on sessions (user_id);
