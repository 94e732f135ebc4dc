-- Each instance writes a row of its own, to learn whether the database takes writes.
create table write_probe (
    id integer constraint write_probe_pkey primary key,
    writes integer not null
) strict;
