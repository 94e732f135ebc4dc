-- What is left of a username when characters that look alike are the same, and the username that it was made of: if that is another
-- one, or null, an earlier version has written the username since.
alter table users add column username_skeleton text;
alter table users add column skeleton_of text;
create index users_username_skeleton_idx on users (username_skeleton);
create index users_skeleton_of_idx on users (username) where skeleton_of is distinct from username;

-- Invitations: who has the link may register, once, and gets the roles. Only the SHA-256 digest of the link's token is kept.
create table invitations (
    id uuid not null,
    digest bytea not null,
    roles text not null,
    email text,
    created_by uuid,
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint,
    used_by uuid,
    constraint invitations_pkey primary key (id),
    constraint invitations_digest_key unique (digest)
);

create index invitations_expires_at_idx on invitations (expires_at);

-- Registrations that are not finished: of an address, which the reader of a mail proves, or of somebody whom another provider knows
-- (provider and subject). email_verified: whether who continues the registration has proved the address by that. Of a link's token only
-- the digest is kept, and of the code a keyed hash. There is no foreign key to invitations: whoever deletes those would lock both tables
-- in the wrong order.
create table registrations (
    id uuid not null,
    digest bytea not null,
    email text,
    email_fold text,
    email_verified boolean not null,
    code_hash bigint,
    provider text,
    subject text,
    name text,
    invitation_id uuid,
    created_at bigint not null,
    expires_at bigint not null,
    proved_at bigint,
    used_at bigint,
    constraint registrations_pkey primary key (id),
    constraint registrations_digest_key unique (digest)
);

create index registrations_email_fold_idx on registrations (email_fold);
create index registrations_invitation_id_idx on registrations (invitation_id);
create index registrations_expires_at_idx on registrations (expires_at);
