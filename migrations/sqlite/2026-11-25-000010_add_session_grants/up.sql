-- What the login granted, and to which client. client_id is null if the session was opened by an older version; then the current
-- settings apply. No rotation writes these columns.
alter table sessions add column client_id text;
alter table sessions add column scope text;
alter table sessions add column audience text;
alter table sessions add column amr text;
alter table sessions add column acr text;
