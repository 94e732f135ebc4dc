drop table deleted_imports;
