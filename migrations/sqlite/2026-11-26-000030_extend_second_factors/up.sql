-- Whether there can be copies of a passkey, which never changes; null for those of before.
alter table passkeys add column is_backup_eligible integer;

-- A browser whose cookie is replaced is found by the digest of the one before.
create index known_devices_digest_idx on known_devices (digest);
