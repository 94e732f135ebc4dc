-- What verifiers must refuse although the signature is valid: sessions by sid, single access tokens by jti.
create table denylist (
    subject blob not null constraint denylist_subject_length check (length(subject) = 16),
    kind text not null constraint denylist_kind_is_known check (kind in ('sid', 'jti')),
    denied_at integer not null,
    expires_at integer not null,
    constraint denylist_pkey primary key (subject, kind)
) strict;

create index denylist_denied_at_idx on denylist (denied_at);
create index denylist_expires_at_idx on denylist (expires_at);
