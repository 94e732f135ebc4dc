-- The request that brought an event about; null: none did, or an older version wrote the row.
alter table audit_events add column request_id text;
