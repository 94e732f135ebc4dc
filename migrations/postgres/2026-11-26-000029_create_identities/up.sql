-- Who a user is at a provider: provider and subject identify them. Address and name are what the provider has told last. There is no
-- foreign key to sessions or challenges: an identity may be unlinked while they last.
create table identities (
    id uuid not null,
    provider_id text not null,
    subject text not null,
    user_id uuid not null,
    email text,
    name text,
    created_at bigint not null,
    last_used_at bigint,
    constraint identities_pkey primary key (id),
    constraint identities_provider_id_subject_key unique (provider_id, subject),
    constraint identities_provider_id_fkey foreign key (provider_id) references providers (id) on delete cascade,
    constraint identities_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index identities_user_id_idx on identities (user_id);

-- The provider at which the user has authenticated; null: at this service.
alter table sessions add column idp text;
alter table authorization_codes add column idp text;

-- What the provider proposes, and the roles that it decides, separated by spaces.
alter table registrations add column username text;
alter table registrations add column roles text not null default '';

-- The identity that a login has begun with; null: it has begun with the password.
alter table login_challenges add column identity_id uuid;
