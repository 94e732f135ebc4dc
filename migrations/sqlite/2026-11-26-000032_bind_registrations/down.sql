drop index invitations_email_fold_idx;
alter table invitations drop column email_fold;
drop index registrations_client_digest_idx;
alter table registrations drop column code_shown_at;
alter table registrations drop column client_digest;
