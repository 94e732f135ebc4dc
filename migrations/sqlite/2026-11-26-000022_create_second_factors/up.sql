-- Second factors. A secret for one-time codes is encrypted with the data key, which is not in the database; pending_secret is one that
-- no code has confirmed yet. last_step is the step of the last code that was accepted: each is accepted once. Of recovery codes and of
-- challenges (logins that wait for their next step) only the SHA-256 digest is kept; password_digest is that of the password's hash that
-- was checked, so that a challenge is over when the password is changed.
create table totp_factors (
    user_id blob not null constraint totp_factors_user_id_length check (length(user_id) = 16),
    secret text,
    pending_secret text,
    confirmed_at integer,
    confirmed_in blob,
    last_step integer not null,
    failures integer not null,
    constraint totp_factors_pkey primary key (user_id),
    constraint totp_factors_user_id_fkey foreign key (user_id) references users (id) on delete cascade
) strict;

create table recovery_codes (
    user_id blob not null constraint recovery_codes_user_id_length check (length(user_id) = 16),
    digest blob not null,
    used_at integer,
    constraint recovery_codes_pkey primary key (user_id, digest),
    constraint recovery_codes_user_id_fkey foreign key (user_id) references users (id) on delete cascade
) strict;

create table login_challenges (
    digest blob not null,
    user_id blob not null constraint login_challenges_user_id_length check (length(user_id) = 16),
    session_id blob,
    password_digest blob not null,
    proved_at integer not null,
    is_enrolment integer not null,
    audience text,
    label text,
    expires_at integer not null,
    used_at integer,
    constraint login_challenges_pkey primary key (digest),
    constraint login_challenges_user_id_fkey foreign key (user_id) references users (id) on delete cascade
) strict;

create index login_challenges_expires_at_idx on login_challenges (expires_at);
create index login_challenges_user_id_idx on login_challenges (user_id);
