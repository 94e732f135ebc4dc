-- A logout ends the grants that began in its session.
create index sessions_browser_session_id_idx on sessions (browser_session_id) where browser_session_id is not null;
