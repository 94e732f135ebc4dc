alter table users add column name text;
-- When the owner last proved who they are since the login; nothing when they have not.
alter table sessions add column authenticated_at integer;
