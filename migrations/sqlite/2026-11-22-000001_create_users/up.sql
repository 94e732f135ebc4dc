create table users (
    id blob not null constraint users_id_length check (length(id) = 16),
    username text not null,
    email text,
    roles text not null,
    password_hash text not null,
    disabled_at integer,
    created_at integer not null,
    last_login_at integer,
    constraint users_pkey primary key (id),
    constraint users_username_key unique (username)
) strict;
