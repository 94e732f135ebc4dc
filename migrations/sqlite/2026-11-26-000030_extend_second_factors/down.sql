drop index known_devices_digest_idx;
alter table passkeys drop column is_backup_eligible;
