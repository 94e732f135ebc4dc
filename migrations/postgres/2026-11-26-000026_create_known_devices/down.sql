alter table login_challenges drop column by_cookie;
drop table known_devices;
