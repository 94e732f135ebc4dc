-- The id of the request that caused an event; null if there was none, or if an older version wrote the row.
alter table audit_events add column request_id text;
