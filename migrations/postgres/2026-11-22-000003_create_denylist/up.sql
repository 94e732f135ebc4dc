-- What verifiers must refuse although the signature is valid: sessions by sid, single access tokens by jti.
create table denylist (
    subject uuid not null,
    kind text not null constraint denylist_kind_is_known check (kind in ('sid', 'jti')),
    denied_at bigint not null,
    expires_at bigint not null,
    constraint denylist_pkey primary key (subject, kind)
);

create index denylist_denied_at_idx on denylist (denied_at);
create index denylist_expires_at_idx on denylist (expires_at);
