drop table upstream_logins;
drop table providers;
