-- What was imported and has been deleted or revoked here since: another run of the same file must not bring it back.
create table deleted_imports (
    name text not null,
    expires_at integer not null,
    constraint deleted_imports_pkey primary key (name)
) strict;

create index deleted_imports_expires_at_idx on deleted_imports (expires_at);
