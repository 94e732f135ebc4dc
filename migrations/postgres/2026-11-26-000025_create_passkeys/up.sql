-- Passkeys. credential_id and public_key are as the authenticator wrote them; sign_count is its counter when it was last used. Of the
-- challenges that passkeys answer only those that were used are kept, by the SHA-256 digest, so that each is accepted once.
create table passkeys (
    id uuid not null,
    user_id uuid not null,
    credential_id bytea not null,
    public_key bytea not null,
    sign_count bigint not null,
    is_backed_up boolean not null,
    transports text not null,
    name text not null,
    created_at bigint not null,
    created_in uuid,
    last_used_at bigint,
    constraint passkeys_pkey primary key (id),
    constraint passkeys_credential_id_key unique (credential_id),
    constraint passkeys_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index passkeys_user_id_idx on passkeys (user_id);

create table used_passkey_challenges (
    digest bytea not null,
    expires_at bigint not null,
    constraint used_passkey_challenges_pkey primary key (digest)
);

create index used_passkey_challenges_expires_at_idx on used_passkey_challenges (expires_at);
