-- Up to when an allowance is used by failures alone, without the attempts that are being looked at.
alter table allowances add column failed_until integer not null default 0;
