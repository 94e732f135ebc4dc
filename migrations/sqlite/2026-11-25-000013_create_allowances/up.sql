-- Up to when the allowance of wrong guesses is used, for an account, a network, or both: one row each, named by a keyed hash.
-- A row whose time has passed says nothing any more.
create table allowances (
    subject integer not null,
    used_until integer not null,
    constraint allowances_pkey primary key (subject)
) strict;
