-- Refresh tokens of the issuer before this one that were issued by then are refused: all sessions of the user were ended.
alter table users add column legacy_ended_at bigint;
