"""Makes hashes.txt: hashes by Django, passlib and bcrypt, which src/password/vectors_tests.rs verifies.

    pip install 'django~=5.2' argon2-cffi bcrypt passlib
    python tests/vectors/hashes.py > tests/vectors/hashes.txt

Each line has a name, a password as JSON, and a hash. PHP writes `$2y$` where others write `$2b$`; the hash is the same.
"""

import json
import unicodedata

import bcrypt
from django.conf import settings

MODULE = "django.contrib.auth.hashers."
NAMES = ["PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "BCrypt", "Scrypt"]
settings.configure(PASSWORD_HASHERS=[f"{MODULE}{name}PasswordHasher" for name in NAMES])

from django.contrib.auth.hashers import check_password, make_password  # noqa: E402
from passlib.hash import argon2, pbkdf2_sha1, pbkdf2_sha256, pbkdf2_sha512, scrypt  # noqa: E402

PASSWORD = "correct horse battery staple"
LONG = "0123456789" * 8
DECOMPOSED = unicodedata.normalize("NFD", "pässwörd, long enough")


def show(name, password, made):
    print(name, json.dumps(password), made, sep="\t")


def django(name, scheme, password):
    made = make_password(password, hasher=scheme)
    assert check_password(password, made)
    show(name, password, made)


for scheme in ["pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "bcrypt", "scrypt"]:
    django(f"django {scheme}", scheme, PASSWORD)
django("django, decomposed characters", "pbkdf2_sha256", DECOMPOSED)
django("django bcrypt_sha256, over 72 bytes", "bcrypt_sha256", LONG)
django("django bcrypt, with NUL", "bcrypt", "a password\0 with more")
# Before bcrypt 5 Django's hasher cut passwords off.
show("django bcrypt, over 72 bytes", LONG, "bcrypt$" + bcrypt.hashpw(LONG[:72].encode(), bcrypt.gensalt(5)).decode())
for prefix in [b"2a", b"2b"]:
    show(f"bcrypt {prefix.decode()}", PASSWORD, bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5, prefix)).decode())
made = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()
show("bcrypt 2y", PASSWORD, made.replace("$2b$", "$2y$"))
for made_by in [pbkdf2_sha1, pbkdf2_sha256, pbkdf2_sha512, scrypt.using(rounds=10)]:
    show(f"passlib {made_by.name}", PASSWORD, made_by.hash(PASSWORD))
for kind in ["I", "D", "ID"]:
    made_by = argon2.using(type=kind, memory_cost=256, rounds=2, parallelism=2)
    show(f"passlib argon2{kind.lower()}", PASSWORD, made_by.hash(PASSWORD))
