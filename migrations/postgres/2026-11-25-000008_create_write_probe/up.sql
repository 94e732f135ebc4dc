-- Each instance writes its own row to check that the database accepts writes.
create table write_probe (
    id bigint not null,
    writes bigint not null,
    constraint write_probe_pkey primary key (id)
);
