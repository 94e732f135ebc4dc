-- Only the SHA-256 digest of a key is stored. sid is the session in access tokens that the key is exchanged for. It is denied
-- and replaced when they must not be accepted any more.
create table api_tokens (
    id uuid not null,
    user_id uuid not null,
    name text not null,
    digest bytea not null,
    sid uuid not null,
    scopes text not null,
    roles text not null,
    created_at bigint not null,
    expires_at bigint,
    last_used_at bigint,
    access_expires_by bigint not null,
    revoked_at bigint,
    constraint api_tokens_pkey primary key (id),
    constraint api_tokens_digest_key unique (digest),
    constraint api_tokens_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index api_tokens_user_id_idx on api_tokens (user_id);
create index api_tokens_expires_at_idx on api_tokens (expires_at);
create index api_tokens_revoked_at_idx on api_tokens (revoked_at);
