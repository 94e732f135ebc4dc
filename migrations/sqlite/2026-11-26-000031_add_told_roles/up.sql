-- The roles that the provider has told last, by its mapping, separated by spaces; null if it decides none.
alter table identities add column told_roles text;

-- The fields that the provider has decided, which the user cannot change: their names, separated by spaces.
alter table registrations add column forced text not null default '';

-- The registrations of somebody whom a provider knows: a new one voids those before it.
create index registrations_subject_idx on registrations (subject, provider);
