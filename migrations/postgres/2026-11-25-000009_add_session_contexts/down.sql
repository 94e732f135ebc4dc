alter table sessions drop column shared;
alter table sessions drop column strange;
alter table sessions drop column mark;
alter table sessions drop column context;
alter table sessions drop column context_generation;
