alter table sessions drop column authenticated_at;
alter table users drop column name;
