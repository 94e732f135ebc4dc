drop table allowances;
