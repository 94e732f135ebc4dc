drop index users_username_fold_idx;
alter table users drop column username_fold;
