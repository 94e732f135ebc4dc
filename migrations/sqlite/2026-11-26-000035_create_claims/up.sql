-- Attributes whose meaning other services know: JSON objects, or null. A user may change the public ones, administrators the others.
alter table users add column public_attributes text;
alter table users add column app_attributes text;
alter table clients add column attributes text;

-- Claims of the operator's own: by name, where the value comes from and which tokens have it (mapping is JSON).
create table custom_claims (
    name text not null,
    mapping text not null,
    constraint custom_claims_pkey primary key (name)
) strict;

-- What the hook for claims has last answered for a session: a JSON object.
create table session_claims (
    session_id blob not null constraint session_claims_session_id_length check (length(session_id) = 16),
    claims text not null,
    constraint session_claims_pkey primary key (session_id),
    constraint session_claims_session_id_fkey foreign key (session_id) references sessions (id) on delete cascade
) strict;
