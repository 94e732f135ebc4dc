drop table denylist;
