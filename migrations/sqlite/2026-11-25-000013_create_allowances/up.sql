-- The time until which an allowance of wrong guesses is used, for an account, a network, or both: one row each, with a keyed hash
-- as its key. A row whose time has passed has no meaning.
create table allowances (
    subject integer not null,
    used_until integer not null,
    constraint allowances_pkey primary key (subject)
) strict;
