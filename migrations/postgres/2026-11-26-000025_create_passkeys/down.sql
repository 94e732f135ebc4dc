drop table used_passkey_challenges;
drop table passkeys;
