alter table login_challenges drop column identity_id;
alter table authorization_codes drop column idp;
alter table sessions drop column idp;
drop table identities;
