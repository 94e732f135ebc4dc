-- There are no references to other tables, so that events stay when an account is deleted.
create table audit_events (
    id integer constraint audit_events_pkey primary key autoincrement,
    at integer not null,
    name text not null,
    user_id blob,
    actor_id blob,
    session_id blob,
    ip text,
    detail text
) strict;

create index audit_events_at_idx on audit_events (at);
create index audit_events_name_idx on audit_events (name, id);
create index audit_events_user_id_idx on audit_events (user_id, id);
create index audit_events_actor_id_idx on audit_events (actor_id, id);
