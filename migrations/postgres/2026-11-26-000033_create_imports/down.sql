drop table legacy_tokens;
drop index users_foreign_hash_idx;
drop index users_external_id_idx;
alter table users drop column external_id;
