-- Authorizations: requests that a browser is working on (an interaction), what users have allowed to clients (a consent),
-- codes, and the assertions by which clients have authenticated. Of a code, an assertion and a browser's cookie only the
-- SHA-256 digest is kept. A code that was redeemed names the session that it opened.
create table interactions (
    id blob not null constraint interactions_id_length check (length(id) = 16),
    browser_digest blob not null,
    client_id text not null,
    request text not null,
    chosen integer not null,
    created_at integer not null,
    expires_at integer not null,
    finished_at integer,
    constraint interactions_pkey primary key (id),
    constraint interactions_client_id_fkey foreign key (client_id) references clients (id) on delete cascade
) strict;

create index interactions_expires_at_idx on interactions (expires_at);
create index interactions_client_id_idx on interactions (client_id);

create table consents (
    user_id blob not null constraint consents_user_id_length check (length(user_id) = 16),
    client_id text not null,
    scopes text not null,
    created_at integer not null,
    updated_at integer not null,
    constraint consents_pkey primary key (user_id, client_id),
    constraint consents_user_id_fkey foreign key (user_id) references users (id) on delete cascade,
    constraint consents_client_id_fkey foreign key (client_id) references clients (id) on delete cascade
) strict;

create index consents_client_id_idx on consents (client_id);

create table authorization_codes (
    digest blob not null,
    client_id text not null,
    user_id blob not null,
    browser_session_id blob not null,
    redirect_uri text not null,
    code_challenge text not null,
    scope text not null,
    audience text,
    nonce text,
    auth_time integer not null,
    amr text not null,
    acr text,
    expires_at integer not null,
    session_id blob,
    constraint authorization_codes_pkey primary key (digest),
    constraint authorization_codes_client_id_fkey foreign key (client_id) references clients (id) on delete cascade,
    constraint authorization_codes_user_id_fkey foreign key (user_id) references users (id) on delete cascade
) strict;

create index authorization_codes_expires_at_idx on authorization_codes (expires_at);
create index authorization_codes_client_id_idx on authorization_codes (client_id);
create index authorization_codes_user_id_idx on authorization_codes (user_id);

create table client_assertions (
    digest blob not null,
    expires_at integer not null,
    constraint client_assertions_pkey primary key (digest)
) strict;

create index client_assertions_expires_at_idx on client_assertions (expires_at);
