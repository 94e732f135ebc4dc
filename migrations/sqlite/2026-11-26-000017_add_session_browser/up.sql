-- The browser's session in which the grant of a registered application began. Null for what is no such grant.
alter table sessions add column browser_session_id blob;

create index sessions_client_id_idx on sessions (client_id) where client_id <> 'first-party';
