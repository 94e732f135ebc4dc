alter table audit_events drop column request_id;
