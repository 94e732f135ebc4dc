drop index registrations_subject_idx;
alter table registrations drop column forced;
alter table identities drop column told_roles;
