drop table mail_tokens;
drop index users_verified_email_idx;
alter table users drop column verified_email;
alter table users drop column email_verified_at;
