-- What another system called an account before it was imported: there it is the primary key.
alter table users add column external_id text;
create unique index users_external_id_idx on users (external_id) where external_id is not null;

-- Hashes of other schemes, which logins replace one by one.
create index users_foreign_hash_idx on users (password_hash)
where substr(password_hash, 1, 10) <> '$argon2id$' and password_hash <> '!';

-- Refresh tokens that the issuer before this one has issued, by their jti. external_id is the primary key there, if they were imported.
-- is_denied: they must not be accepted. session_id: the session that such a token has become. There is no foreign key to users: what is
-- denied stays so without its user.
create table legacy_tokens (
    jti text not null,
    user_id blob,
    expires_at integer not null,
    is_denied integer not null,
    session_id blob,
    external_id text,
    constraint legacy_tokens_pkey primary key (jti)
) strict;

create index legacy_tokens_expires_at_idx on legacy_tokens (expires_at);
create index legacy_tokens_external_id_idx on legacy_tokens (external_id);
