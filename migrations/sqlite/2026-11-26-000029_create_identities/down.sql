alter table login_challenges drop column identity_id;
alter table registrations drop column roles;
alter table registrations drop column username;
alter table authorization_codes drop column idp;
alter table sessions drop column idp;
drop table identities;
