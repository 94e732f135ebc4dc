-- What the login granted, and to which client. Null client_id: opened before this, or by an older version beside; then the
-- settings of the day decide. No rotation writes these columns.
alter table sessions add column client_id text;
alter table sessions add column scope text;
alter table sessions add column audience text;
alter table sessions add column amr text;
alter table sessions add column acr text;
