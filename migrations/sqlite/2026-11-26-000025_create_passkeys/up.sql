-- Passkeys. credential_id and public_key are as the authenticator wrote them; sign_count is its counter when it was last used. Of the
-- challenges that passkeys answer only those that were used are kept, by the SHA-256 digest, so that each is accepted once.
create table passkeys (
    id blob not null constraint passkeys_id_length check (length(id) = 16),
    user_id blob not null constraint passkeys_user_id_length check (length(user_id) = 16),
    credential_id blob not null,
    public_key blob not null,
    sign_count integer not null,
    is_backed_up integer not null,
    transports text not null,
    name text not null,
    created_at integer not null,
    created_in blob,
    last_used_at integer,
    constraint passkeys_pkey primary key (id),
    constraint passkeys_credential_id_key unique (credential_id),
    constraint passkeys_user_id_fkey foreign key (user_id) references users (id) on delete cascade
) strict;

create index passkeys_user_id_idx on passkeys (user_id);

create table used_passkey_challenges (
    digest blob not null,
    expires_at integer not null,
    constraint used_passkey_challenges_pkey primary key (digest)
) strict;

create index used_passkey_challenges_expires_at_idx on used_passkey_challenges (expires_at);
