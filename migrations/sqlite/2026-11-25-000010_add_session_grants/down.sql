alter table sessions drop column acr;
alter table sessions drop column amr;
alter table sessions drop column audience;
alter table sessions drop column scope;
alter table sessions drop column client_id;
