-- Whoever asks to register gets a secret, of which only the digest is kept: the code of the mail works together with it only. Its hash
-- has that secret as its key. code_shown_at: when the code was right; from then on the secret alone is enough.
alter table registrations add column client_digest bytea;
alter table registrations add column code_shown_at bigint;
create unique index registrations_client_digest_idx on registrations (client_digest) where client_digest is not null;

-- The address, folded, for the person who registers it without the link. Of what is stored already only ASCII is folded.
alter table invitations add column email_fold text;
update invitations set email_fold = lower(email);
create index invitations_email_fold_idx on invitations (email_fold) where email_fold is not null;
