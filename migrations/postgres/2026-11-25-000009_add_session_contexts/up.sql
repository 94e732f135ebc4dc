-- How a session's generations are shared. Context (a keyed hash; null: unknown) and mark (0: none, 1: shared, 2: strange)
-- belong to one generation: an older version rotates without writing them, and then they count for nothing.
alter table sessions add column context_generation bigint not null default 0;
alter table sessions add column context bigint;
alter table sessions add column mark smallint not null default 0;
-- Of the generations before: up with each that was strange, or shared; down with each that was not.
alter table sessions add column strange smallint not null default 0;
alter table sessions add column shared smallint not null default 0;
