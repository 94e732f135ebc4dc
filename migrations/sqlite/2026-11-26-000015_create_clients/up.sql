-- Registered applications. Lists are separated by spaces. Of a secret only its SHA-256 digest is kept; while it is rotated,
-- the one before is valid for a time, too.
create table clients (
    id text not null,
    name text not null,
    redirect_uris text not null,
    post_logout_redirect_uris text not null,
    grant_types text not null,
    scopes text not null,
    audiences text not null,
    resource_servers text not null,
    auth_method text not null,
    jwks text,
    jwks_uri text,
    id_token_alg text,
    skip_consent integer not null,
    secret_digest blob,
    old_secret_digest blob,
    old_secret_expires_at integer,
    created_at integer not null,
    updated_at integer not null,
    disabled_at integer,
    constraint clients_pkey primary key (id)
) strict;
