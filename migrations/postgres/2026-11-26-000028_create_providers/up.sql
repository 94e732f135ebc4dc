-- Other services at which users may sign in. Lists are separated by spaces; claim_map is JSON. The secret is encrypted with a data key.
-- An upstream login is a sign-in that is under way. Of its state and of its browser's cookie only the SHA-256 digests are kept: nonce and
-- code verifier follow from the cookie.
create table providers (
    id text not null,
    preset text not null,
    name text not null,
    issuer text not null,
    client_id text not null,
    secret text not null,
    scopes text not null,
    claim_map text not null,
    trust_email boolean not null,
    factor_amr text not null,
    factor_acr text not null,
    created_at bigint not null,
    updated_at bigint not null,
    disabled_at bigint,
    constraint providers_pkey primary key (id)
);

create table upstream_logins (
    digest bytea not null,
    provider_id text not null,
    browser_digest bytea not null,
    purpose text not null,
    user_id uuid,
    session_id uuid,
    return_to text not null,
    expires_at bigint not null,
    used_at bigint,
    constraint upstream_logins_pkey primary key (digest),
    constraint upstream_logins_provider_id_fkey foreign key (provider_id) references providers (id) on delete cascade,
    constraint upstream_logins_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index upstream_logins_expires_at_idx on upstream_logins (expires_at);
create index upstream_logins_provider_id_idx on upstream_logins (provider_id);
create index upstream_logins_user_id_idx on upstream_logins (user_id) where user_id is not null;
