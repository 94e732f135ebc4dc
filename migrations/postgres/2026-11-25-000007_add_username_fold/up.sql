-- The username as folded by the current rule. It differs or is null if an earlier version has written the username since. ASCII
-- names are the same by every rule and need none, so the index holds only the few names that must be folded again.
alter table users add column username_fold text;

create index users_username_fold_idx on users (username)
where octet_length(username) <> length(username) and username_fold is distinct from username;
