-- The time until which an allowance of wrong guesses is used, for an account, a network, or both: one row each, with a keyed hash
-- as its key. A row whose time has passed has no meaning. Rows are updated in place: each page keeps room for that, and there is no
-- other index.
create table allowances (
    subject bigint not null,
    used_until bigint not null,
    constraint allowances_pkey primary key (subject)
) with (fillfactor = 70);
