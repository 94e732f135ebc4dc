drop table session_claims;
drop table custom_claims;
alter table clients drop column attributes;
alter table users drop column app_attributes;
alter table users drop column public_attributes;
