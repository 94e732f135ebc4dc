-- The username, when it was folded by today's rule; something else, or nothing, when an earlier version has written the
-- username since. ASCII is the same by every rule and needs none, so the index holds the few that are to be folded anew.
-- (octet_length would shut out programs with a SQLite from before 3.43.)
alter table users add column username_fold text;

create index users_username_fold_idx on users (username)
where length(cast(username as blob)) <> length(username) and username_fold is distinct from username;
