drop index sessions_client_id_idx;
alter table sessions drop column browser_session_id;
