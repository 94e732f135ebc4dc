-- How a session's generations are shared. Context (a keyed hash; null: unknown) and mark (0: none, 1: shared, 2: strange)
-- belong to one generation: an older version rotates without writing them, and then they count for nothing.
alter table sessions add column context_generation integer not null default 0;
alter table sessions add column context integer;
alter table sessions add column mark integer not null default 0;
-- Of the generations before: up with each that was strange, or shared; down with each that was not.
alter table sessions add column strange integer not null default 0;
alter table sessions add column shared integer not null default 0;
