-- Second factors. A secret for one-time codes is encrypted with the data key, which is not in the database; pending_secret is one that
-- no code has confirmed yet. last_step is the step of the last code that was accepted: each is accepted once. Of recovery codes and of
-- challenges (logins that wait for their next step) only the SHA-256 digest is kept; password_digest is that of the password's hash that
-- was checked, so that a challenge is over when the password is changed.
create table totp_factors (
    user_id uuid not null,
    secret text,
    pending_secret text,
    confirmed_at bigint,
    confirmed_in uuid,
    last_step bigint not null,
    failures bigint not null,
    constraint totp_factors_pkey primary key (user_id),
    constraint totp_factors_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create table recovery_codes (
    user_id uuid not null,
    digest bytea not null,
    used_at bigint,
    constraint recovery_codes_pkey primary key (user_id, digest),
    constraint recovery_codes_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create table login_challenges (
    digest bytea not null,
    user_id uuid not null,
    session_id uuid,
    password_digest bytea not null,
    proved_at bigint not null,
    is_enrolment boolean not null,
    audience text,
    label text,
    expires_at bigint not null,
    used_at bigint,
    constraint login_challenges_pkey primary key (digest),
    constraint login_challenges_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index login_challenges_expires_at_idx on login_challenges (expires_at);
create index login_challenges_user_id_idx on login_challenges (user_id);
