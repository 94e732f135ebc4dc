drop table client_assertions;
drop table authorization_codes;
drop table consents;
drop table interactions;
