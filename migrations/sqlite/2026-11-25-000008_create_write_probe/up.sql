-- Each instance writes its own row to check that the database accepts writes.
create table write_probe (
    id integer constraint write_probe_pkey primary key,
    writes integer not null
) strict;
