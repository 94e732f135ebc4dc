-- The username as folded by the current rule. It differs or is null if an earlier version has written the username since. ASCII
-- names are the same by every rule and need none, so the index holds only the few names that must be folded again.
-- (octet_length would shut out programs with a SQLite from before 3.43.)
alter table users add column username_fold text;

create index users_username_fold_idx on users (username)
where length(cast(username as blob)) <> length(username) and username_fold is distinct from username;
