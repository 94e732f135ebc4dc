alter table allowances drop column failed_until;
