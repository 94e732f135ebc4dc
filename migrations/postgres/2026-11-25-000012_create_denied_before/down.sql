drop table denied_before;
