-- Browsers in which users have shown a second factor, by the SHA-256 digest of a random cookie; seen_at is the last time. by_cookie:
-- whether a cookie authenticated the request that a challenge was the response to.
create table known_devices (
    user_id blob not null constraint known_devices_user_id_length check (length(user_id) = 16),
    digest blob not null,
    seen_at integer not null,
    constraint known_devices_pkey primary key (user_id, digest),
    constraint known_devices_user_id_fkey foreign key (user_id) references users (id) on delete cascade
) strict;

alter table login_challenges add column by_cookie integer not null default 0;
