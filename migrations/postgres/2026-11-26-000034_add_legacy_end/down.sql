alter table users drop column legacy_ended_at;
