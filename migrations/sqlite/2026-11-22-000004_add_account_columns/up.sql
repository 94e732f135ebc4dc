alter table users add column name text;
-- When the owner last gave the password after the login; null if never.
alter table sessions add column authenticated_at integer;
