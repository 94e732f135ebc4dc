drop table login_challenges;
drop table recovery_codes;
drop table totp_factors;
