-- Each instance writes a row of its own, to learn whether the database takes writes.
create table write_probe (
    id bigint not null,
    writes bigint not null,
    constraint write_probe_pkey primary key (id)
);
