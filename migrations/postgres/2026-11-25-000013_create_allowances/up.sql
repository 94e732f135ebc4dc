-- Up to when the allowance of wrong guesses is used, for an account, a network, or both: one row each, named by a keyed hash.
-- A row whose time has passed says nothing any more. Rows are updated in place: each page keeps room for that, and there is no
-- other index.
create table allowances (
    subject bigint not null,
    used_until bigint not null,
    constraint allowances_pkey primary key (subject)
) with (fillfactor = 70);
