"""The Django project that comes over: its users with every hasher, what it has issued, and the commands of the page in it."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

from harness import PASSWORD, SECRET, Server, run, send

ROOT = Path(__file__).resolve().parent.parent.parent
MARKED = re.compile(r"<!-- run: migrate/(\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
BLOCKS = dict(MARKED.findall((ROOT / "docs/src/migrate/django.md").read_text()))

SETTINGS = """
from datetime import timedelta
SECRET_KEY = {secret!r}
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
AUTH_USER_MODEL = {model!r}
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "rest_framework.authtoken",
    "rest_framework_simplejwt", "rest_framework_simplejwt.token_blacklist",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DATABASES = {{"default": {{
    "ENGINE": "django.db.backends.sqlite3", "NAME": "django.db",
    "OPTIONS": {{"timeout": 20, "transaction_mode": "IMMEDIATE"}},
}}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
REST_FRAMEWORK = {{"DEFAULT_AUTHENTICATION_CLASSES": [
    "rest_framework_simplejwt.authentication.JWTAuthentication", "rest_framework.authentication.TokenAuthentication",
]}}
SIMPLE_JWT = {{
    "ROTATE_REFRESH_TOKENS": {rotates}, "BLACKLIST_AFTER_ROTATION": {rotates}, "ACCESS_TOKEN_LIFETIME": timedelta(hours=1),
}}
"""
MANAGE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
MODELS = """
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models

class User(AbstractBaseUser, PermissionsMixin):
    USERNAME_FIELD = "email"
    email = models.EmailField(unique=True)
    full_name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    objects = BaseUserManager()
"""
URLS = """
from django.urls import path
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework_simplejwt import views

@api_view()
@permission_classes([IsAuthenticated])
def whoami(request):
    return Response({"id": request.user.pk, "name": request.user.get_username()})

urlpatterns = [
    path("whoami", whoami), path("api/token/", views.token_obtain_pair), path("api/token/refresh/", views.token_refresh),
    path("api/token/verify/", views.token_verify), path("api/token/blacklist/", views.token_blacklist),
]
"""
# All that Django can check by default, and MD5, which tokensmith does not take.
HASHERS = ["pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "bcrypt", "scrypt"]
MAKE = """
import json
from datetime import timedelta
from django.conf import settings
from django.contrib.auth import get_user_model, hashers
from django.contrib.auth.models import Group
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

settings.PASSWORD_HASHERS = [
    "django.contrib.auth.hashers." + name + "PasswordHasher"
    for name in ["PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "BCrypt", "Scrypt", "MD5"]
]
User = get_user_model()

def make(name, stored, **fields):
    email = name + "@example.com"
    names = {{"email": email}} if User.USERNAME_FIELD == "email" else {{"username": name, "email": email}}
    return User.objects.create(password=stored, **names, **fields)

group, people = Group.objects.create(name="Content editors"), {{}}
for hasher in {hashers!r}:
    stored = hashers.make_password({password!r}, hasher=hasher)
    for which in "ab":
        people[hasher + which] = make(hasher + which, stored, is_superuser=hasher == "argon2" and which == "a")
        people[hasher + which].groups.add(group)
sound = stored
people["off"], people["nopassword"] = make("off", sound, is_active=False), make("nopassword", hashers.make_password(None))
make("oldest", hashers.make_password({password!r}, hasher="md5"))

pair = lambda token: {{"access": str(token.access_token), "refresh": str(token)}}
honest = [name for name in people if name not in ("off", "nopassword")]
clients = [(people[name].pk, pair(RefreshToken.for_user(people[name]))) for name in (honest * 5)[:{clients}]]
blacklisted = RefreshToken.for_user(people["scrypta"])
blacklisted.blacklist()
forged = RefreshToken()
forged["user_id"] = str(people["argon2a"].pk)
expired = AccessToken.for_user(people["argon2a"])
expired.set_exp(lifetime=-timedelta(minutes=1))
print(json.dumps({{
    "ids": {{name: user.pk for name, user in people.items()}}, "clients": clients,
    "key": Token.objects.create(user=people["scryptb"]).key,
    "blacklisted": str(blacklisted), "off": str(RefreshToken.for_user(people["off"])), "forged": str(forged),
    "expired": str(expired),
    "replayed": str(RefreshToken.for_user(people["bcrypta"])), "kept": pair(RefreshToken.for_user(people["bcryptb"])),
}}))
"""


class Project:
    """The project in a folder of its own, tokensmith beside it, and nginx before both. `field` is where users have their names."""

    def __init__(self, folder, python, program, ports, rotates):
        self.notes, self.tokensmith, self.nginx = folder / "notes", folder / "tokensmith-data", folder / "nginx"
        self.notes.mkdir()
        self.rotates, self.field = rotates, "username" if rotates else "email"
        self.ports, self.site = ports, f"http://127.0.0.1:{ports['nginx']}"
        self.ours, self.running = f"http://127.0.0.1:{ports['tokensmith']}", {}
        # Rotation is as strict as it can be: a token is replaced at once, and one before the last is replay.
        self.env = os.environ | {
            "PATH": f"{self.commands(folder, program)}:{python.parent}:{os.environ['PATH']}", "RUST_LOG": "warn",
            "LISTEN": f"127.0.0.1:{ports['tokensmith']}", "REFRESH_SETTLE_WINDOW": "0s",
        }
        model = "auth.User" if rotates else "accounts.User"
        settings = SETTINGS.format(secret=SECRET, rotates=rotates, model=model)
        files = {"manage.py": MANAGE, "settings.py": settings, "urls.py": URLS}
        if not rotates:
            (self.notes / "accounts").mkdir()
            files |= {"accounts/__init__.py": "", "accounts/models.py": MODELS}
            files["settings.py"] += 'INSTALLED_APPS.append("accounts")\n'
        for name, text in files.items():
            (self.notes / name).write_text(text)
        # The page is for a user model of Django's. The other project does what its table says.
        self.replaced = {
            "http://127.0.0.1:8080": self.ours, "http://127.0.0.1:8000": f"http://127.0.0.1:{ports['django']}",
            "/etc/nginx": str(self.nginx),
        }
        if not rotates:
            self.replaced |= {
                "auth.user": "accounts.user", "users import dump.json": "users import dump.json --model accounts.User",
                "COMPAT_USERNAME_FIELD=username": "COMPAT_USERNAME_FIELD=email", "COMPAT_ROTATION=on": "COMPAT_ROTATION=off",
            }

    def commands(self, folder, program):
        """A folder with the commands that the page names."""
        commands = folder / "bin"
        commands.mkdir()
        self.nginx.mkdir()
        (commands / "tokensmith").symlink_to(program)
        (commands / "nginx").write_text(f'#!/bin/sh\nexec /usr/sbin/nginx -p {self.nginx} -e error.log -c nginx.conf "$@"\n')
        (commands / "nginx").chmod(0o755)
        return commands

    def make(self, clients):
        """The users and what they hold. Returns their primary keys, pairs for so many clients, and tokens for the tests."""
        if not self.rotates:
            self.shell("python manage.py makemigrations accounts -v0")
        self.shell("python manage.py migrate -v0")
        made = MAKE.format(hashers=HASHERS, password=PASSWORD, clients=clients)
        return json.loads(self.python(made))

    def book(self, name):
        block = BLOCKS[name]
        for documented, actual in self.replaced.items():
            block = block.replace(documented, actual)
        return block

    def shell(self, script, code=0):
        command = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=self.notes, env=self.env, capture_output=True, text=True)
        assert done.returncode == code, f"{script}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def run_book(self, name, code=0):
        """Runs a block of the page as its reader does; returns what it prints."""
        return self.shell(self.book(name), code)

    def python(self, code):
        return run("python", "manage.py", "shell", "-v0", "-c", code, cwd=self.notes, env=self.env)

    def start_django(self):
        address = f"127.0.0.1:{self.ports['django']}"
        command = ["gunicorn", "--bind", address, "--workers", "3", "django.core.wsgi:get_wsgi_application()"]
        self.running["django"] = Server(f"http://{address}", command, self.notes, self.env | {"DJANGO_SETTINGS_MODULE": "settings"})

    def start_tokensmith(self):
        # As the page says, but the process is replaced by the service, which a signal stops.
        start = self.book("start.sh").replace("\ntokensmith", "\nexec tokensmith")
        self.running["tokensmith"] = Server(self.ours, ["bash", "-euc", start], self.tokensmith, self.env)

    def start_nginx(self):
        main = "daemon off; user root; worker_processes 1; pid nginx.pid; error_log error.log; events {}"
        temp = "".join(f"{kind}_temp_path temp;" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
        server = f"server {{ listen 127.0.0.1:{self.ports['nginx']}; {self.book('nginx')} }}"
        (self.nginx / "nginx.conf").write_text(f"{main} http {{ access_log off; {temp} {server} }}")
        (self.nginx / "api-token.conf").write_text("return 404;")
        self.running["nginx"] = Server(self.site, ["nginx"], self.nginx, self.env)

    def stop(self, name):
        self.running.pop(name).stop()

    def add_settings(self, name):
        with open(self.notes / "settings.py", "a") as settings:
            settings.write(self.book(name))

    def post(self, path, body, at=None):
        status, _, text = send(
            "POST", f"{at or self.site}/api/token/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        return status, json.loads(text) if text.startswith("{") else {}

    def login(self, name, password=PASSWORD):
        username = name + "@example.com" if self.field == "email" else name
        body = {self.field: username, "password": password}
        # On a busy machine a login may have to come back.
        return next((told for told in (self.post("", body) for _ in range(5)) if told[0] != 503), (503, {}))

    def refresh(self, token):
        return self.post("refresh/", {"refresh": token})

    def whoami(self, authorization, scheme="Bearer"):
        """The status of a view, and its user's primary key."""
        status, _, text = send("GET", f"{self.site}/whoami", headers={"Authorization": f"{scheme} {authorization}"})
        return status, json.loads(text)["id"] if status == 200 else None

    def end(self):
        for server in self.running.values():
            server.process.send_signal(signal.SIGTERM)
        for server in self.running.values():
            server.process.wait(60)
