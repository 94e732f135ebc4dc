create table users (
    id uuid not null,
    username text not null,
    email text,
    roles text not null,
    password_hash text not null,
    disabled_at bigint,
    created_at bigint not null,
    last_login_at bigint,
    constraint users_pkey primary key (id),
    constraint users_username_key unique (username)
);
