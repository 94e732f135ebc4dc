-- Only the SHA-256 digest of a key is stored. sid is the session in access tokens that the key is exchanged for. It is denied
-- and replaced when they must not be accepted any more.
create table api_tokens (
    id blob not null constraint api_tokens_id_length check (length(id) = 16),
    user_id blob not null,
    name text not null,
    digest blob not null,
    sid blob not null,
    scopes text not null,
    roles text not null,
    created_at integer not null,
    expires_at integer,
    last_used_at integer,
    access_expires_by integer not null,
    revoked_at integer,
    constraint api_tokens_pkey primary key (id),
    constraint api_tokens_digest_key unique (digest),
    constraint api_tokens_user_id_fkey foreign key (user_id) references users (id) on delete cascade
) strict;

create index api_tokens_user_id_idx on api_tokens (user_id);
create index api_tokens_expires_at_idx on api_tokens (expires_at);
create index api_tokens_revoked_at_idx on api_tokens (revoked_at);
