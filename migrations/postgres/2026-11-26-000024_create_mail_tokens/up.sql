-- Addresses that are known to be their user's: verified_email is the folded address, so that one that an older version changes later is
-- not verified any more. What is stored already is not: users could change their address themselves.
-- Mail tokens are in mails that confirm an address or reset a password. Of a link's token only the SHA-256 digest is kept, and of the
-- code a keyed hash, since a code can be guessed. password_digest is that of the password's hash when the mail was sent: a token is over
-- when the password is changed.
alter table users add column email_verified_at bigint;
alter table users add column verified_email text;
create index users_verified_email_idx on users (verified_email) where verified_email is not null;

create table mail_tokens (
    digest bytea not null,
    purpose text not null,
    user_id uuid not null,
    email text not null,
    code_hash bigint not null,
    password_digest bytea not null,
    expires_at bigint not null,
    used_at bigint,
    constraint mail_tokens_pkey primary key (digest),
    constraint mail_tokens_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index mail_tokens_expires_at_idx on mail_tokens (expires_at);
create index mail_tokens_user_id_idx on mail_tokens (user_id);
