drop table registrations;
drop table invitations;
drop index users_skeleton_of_idx;
drop index users_username_skeleton_idx;
alter table users drop column skeleton_of;
alter table users drop column username_skeleton;
