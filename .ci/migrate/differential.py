"""The endpoints of djangorestframework-simplejwt: the same requests to a real Django and to this service. Status, names of
members, texts and codes must be the same, except where `DIFFERENCES` says so, which the book's page must name.
`python3 .ci/migrate/differential.py [PROGRAM] [--show]`"""

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

from harness import PASSWORD, SECRET, Server, environment, run, send
from ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs/src/reference/simplejwt.md").read_text()
USERS = {"ada": 1, "off": 2, "gone": 3, "later": 4}

SETTINGS = f"""
import datetime, os
SECRET_KEY = {SECRET!r}
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
STATIC_URL = "static/"
TEMPLATES = [{{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {{"context_processors": ["django.template.context_processors.request"]}},
}}]
DATABASES = {{"default": {{
    "ENGINE": "django.db.backends.sqlite3", "NAME": "django.db",
    "OPTIONS": {{"timeout": 20, "transaction_mode": "IMMEDIATE"}},
}}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
REST_FRAMEWORK = {{"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"]}}
SIMPLE_JWT = {{"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}}
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
MAKE_USERS = f"""
import django; django.setup()
from django.contrib.auth.models import User
for name, key in {USERS!r}.items():
    User.objects.create_user(name, id=key, password={PASSWORD!r}, is_active=name != "off")
"""

# Title of a row of the page: its cases, what theirs answers, and what ours answers.
SERVER_ERROR = "500"
DIFFERENCES = {
    "A `multipart/form-data` that is cut off": (["login: multipart, cut off"], "200 access refresh", "400 detail"),
    "A `multipart/form-data` without any part, or with one without a name": (
        ["login: multipart, no part", "login: multipart, nameless"], "400 password username", "400 detail",
    ),
    "A body of more than 64 KiB": (["odd: large"], "200 access refresh", "413 code detail body_too_large"),
    "A JSON number of more than 308 digits before the point": (["odd: a huge float"], "401 detail", "400 detail"),
    "JSON that is more than 127 deep": (["odd: deep"], "400 password username", "400 detail"),
    "A username in another case or width": (["login: upper case", "odd: wide"], "401 detail", "200 access refresh"),
    "A password of more than 1024 characters": (["login: a long password"], "401 detail", "400 password"),
    "Half of a surrogate pair in a text": (["login: half a pair"], "400 username", "400 detail"),
    "`OPTIONS` that is no preflight": (["login: OPTIONS"], "200 actions description name parses renders", "405 detail"),
    "An `Accept` that JSON does not fit": (["login: accepts XML"], "406 detail", "200 access refresh"),
    "An `Accept` that prefers HTML": (["odd: accepts HTML", "odd: a browser"], "200", "200 access refresh"),
    "`?format=` with another form than JSON": (["odd: format XML"], "404 detail", "200 access refresh"),
    "A preflight of an origin that may not call the service": (
        ["odd: a preflight"], "200 actions description name parses renders", "403 code detail origin_not_allowed",
    ),
    "Another path below `/api/token/`": (
        ["no such path", "odd: /api/token//", "odd: /api/token/%20", "odd: /api/token/refresh/x"], "404", "404 detail",
    ),
    "The refresh token of a deleted user": (["refresh: unknown user", "refresh: deleted user"], SERVER_ERROR, "401 detail"),
    "A token whose claims are not as simplejwt writes them": (
        [
            "refresh: no jti", "blacklist: no jti", "refresh: exp as text", "verify: exp as text", "blacklist: exp as text",
            "refresh: exp after the year 9999", "verify: exp after the year 9999", "blacklist: exp after the year 9999",
            "refresh: empty user", "blacklist: empty user",
        ],
        SERVER_ERROR, "401 code detail token_not_valid",
    ),
    "A refresh token without `user_id`": (["refresh: no user"], "200 access refresh", "401 code detail token_not_valid"),
    "The same, at the other endpoints": (
        ["verify: no user", "blacklist: no user", "verify: empty user", "verify: no type", "verify: sliding"],
        "200", "401 code detail token_not_valid",
    ),
    "`verify` with the refresh token of a disabled or deleted user": (
        ["verify: unknown user", "verify: disabled user", "verify: deleted user"], "200", "401 detail",
    ),
    "An `iat` up to a minute in the future": (
        ["refresh: iat ahead", "verify: iat ahead", "blacklist: iat ahead"],
        "401 code detail token_not_valid", "200",
    ),
    "A refresh token that was replaced a moment ago": (["refresh: used"], "401 code detail token_not_valid", "200 access refresh"),
    "`verify` with it": (["verify: used"], "400 non_field_errors", "200"),
    "`blacklist` with it": (["blacklist: used"], "401 code detail token_not_valid", "200"),
    "An access token after its session was blacklisted": (["verify: access after blacklist"], "200", "400 non_field_errors"),
    "One refresh token, several times at once": (["race"], "several successors", "one successor"),
}

# The page says that of these, too.
OTHER_TEXTS = ["no exp", "no jti", "no type"]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Site(Server):
    """A service with the endpoints."""

    made = 0

    def post(self, path, body=b"", media_type="application/json", **headers):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        elif isinstance(body, str):
            body = body.encode()
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        typed = {"Content-Type": media_type} if media_type else {}
        return send("POST", f"{self.url}/api/token/{path}", body, typed | more)

    def login(self, name="ada"):
        status, _, text = self.post("", {"username": name, "password": PASSWORD})
        assert status == 200, (status, text)
        return json.loads(text)

    def mint(self, key=SECRET, alg="HS256", without=(), **others):
        """A token as Django would sign it. To this service it is one of the issuer before."""
        self.made += 1
        now = int(time.time())
        claims = {"token_type": "refresh", "exp": now + 1000, "iat": now, "jti": f"{now}-{self.made}", "user_id": "1"} | others
        claims = {name: value for name, value in claims.items() if name not in without}
        message = b64(json.dumps({"alg": alg, "typ": "JWT"}).encode()) + "." + b64(json.dumps(claims).encode())
        tag = hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()
        return message + "." + ("" if alg == "none" else b64(tag))


class Django(Site):
    def __init__(self, python, folder):
        folder.mkdir()
        for name, text in {"settings.py": SETTINGS, "urls.py": URLS, "make_users.py": MAKE_USERS}.items():
            (folder / name).write_text(text)
        self.python, self.folder = python, folder
        self.env = os.environ | {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(folder)}
        run(python, "-m", "django", "migrate", "-v0", cwd=folder, env=self.env)
        run(python, "make_users.py", cwd=folder, env=self.env)
        port = free_port()
        command = [
            python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "4",
            "django.core.wsgi:get_wsgi_application()",
        ]
        super().__init__(f"http://127.0.0.1:{port}", command, folder, self.env)

    def change(self, code):
        run(self.python, "-c", f"import django; django.setup()\nfrom django.contrib.auth.models import User\n{code}",
            cwd=self.folder, env=self.env)

    def disable(self, name):
        self.change(f"User.objects.filter(username={name!r}).update(is_active=False)")

    def delete(self, name):
        self.change(f"User.objects.filter(username={name!r}).delete()")


class Ours(Site):
    def __init__(self, program, folder):
        folder.mkdir()
        (folder / "secret").write_text(SECRET + "\n")
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        self.program, self.folder = program, folder
        self.env = os.environ | {
            "LISTEN": f"127.0.0.1:{port}", "ISSUER": url, "DATABASE_URL": f"sqlite://{folder}/tokensmith.db",
            "KEYS_DIR": f"{folder}/keys", "COMPAT": "simplejwt", "LEGACY_JWT_SECRET_FILE": f"{folder}/secret",
            "LEGACY_JWT_UNTIL": "2099-01-01T00:00:00Z", "FIRST_ADMIN_PASSWORD_FILE": f"{folder}/password", "RUST_LOG": "warn",
        }
        for name in USERS:
            run(program, "users", "create", name, "--password-stdin", input=PASSWORD, cwd=folder, env=self.env)
        with sqlite3.connect(folder / "tokensmith.db") as database:
            for name, key in USERS.items():
                database.execute("update users set external_id = ? where username = ?", (str(key), name))
        run(program, "users", "disable", "off", cwd=folder, env=self.env)
        super().__init__(url, [program], folder, self.env)

    def disable(self, name):
        run(self.program, "users", "disable", name, cwd=self.folder, env=self.env)

    def delete(self, name):
        run(self.program, "users", "delete", name, "--yes", cwd=self.folder, env=self.env)


GOOD = {"username": "ada", "password": PASSWORD}
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"


def parts(fields, more=""):
    """A form as `MULTIPART`. `more` is said of each field."""
    lines = (f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n' for name, value in fields)
    return "".join(lines) + "--x--\r\n"


def multiparts(site):
    """Forms that may have files."""
    good = list(GOOD.items())
    forms = {
        "multipart": parts(good), "multipart, twice": parts([("username", "eve"), *good]),
        "multipart, one field": parts(good[:1]), "multipart, spaces around": parts([("username", " ada\n"), good[1]]),
        "multipart, blank": parts([("username", ""), good[1]]), "multipart, a file": parts(good, '; filename="a.txt"'),
        "multipart, not ASCII": parts([("username", "Ада"), good[1]]), "multipart, NUL": parts([("username", "a\0"), good[1]]),
        "multipart, no fields": "--x--\r\n", "multipart, of types": parts(good, "\r\nContent-Type: text/plain; charset=utf-8"),
        "multipart, nameless": "--x\r\nContent-Disposition: form-data\r\n\r\nada\r\n--x--\r\n",
        "multipart, no part": "garbage", "multipart, cut off": parts(good)[:-8], "multipart, nothing": "",
    }
    for name, form in forms.items():
        yield f"login: {name}", site.post("", form, MULTIPART)
    quoted = parts(good).replace("--x", "--a b")
    yield "login: multipart, quoted boundary", site.post("", quoted, 'multipart/form-data; boundary="a b"')
    yield "login: multipart without boundary", site.post("", parts(good), "multipart/form-data")
    yield "login: multipart/mixed", site.post("", parts(good), "multipart/mixed; boundary=x")


def odd(site):
    """What clients send that were not written for these endpoints."""
    good, media = json.dumps(GOOD).encode(), "application/json"
    bodies = {
        "BOM": b"\xef\xbb\xbf" + good, "UTF-16": good.decode().encode("utf-16"), "not UTF-8": b'{"username":"\xff"}',
        "more after it": good + b" x", "two objects": good + good, "in spaces": b" \n" + good + b"\t", "comment": b"/**/" + good,
        "nested": b'{"username":{"a":[1,{"b":null}]},"password":[["x"]]}', "false": b"false", "float": b"1.5",
        "a huge integer": b'{"username":123456789012345678901234567890,"password":-0}',
        "a huge float": b'{"username":1e400,"password":"x"}', "Infinity": b'{"username":Infinity,"password":"x"}',
        "emoji": '{"username":"\U0001f600","password":"\U0001f600"}'.encode(), "escapes": good.replace(b"ada", b"\\u0061da"),
        "control character": b'{"username":"a\nb","password":"x"}', "separators around": good.replace(b'"ada"', b'"\\u001fada\\u001c"'),
        "no-break spaces around": '{"username":"\u00a0ada\u3000","password":"x"}'.encode(),
        "names in another case": b'{"Username":"ada","Password":"x"}', "no name": b'{"":"ada"}',
        "large": json.dumps(GOOD | {"more": "a" * 70000}).encode(), "deep": b'{"username":' + b"[" * 200 + b"]" * 200 + b"}",
        "wide": '{"username":"\uff41da","password":"correct horse battery staple"}'.encode(),
    }
    for name, body in bodies.items():
        yield f"odd: {name}", site.post("", body)
    types = {
        "JSON in capitals": "Application/JSON", "JSON with charset": "application/json; charset=utf-8",
        "JSON with another charset": "application/json; charset=latin-1", "JSON with a semicolon": "application/json;",
        "a kind of JSON": "application/vnd.api+json", "text/json": "text/json", "no type": "garbage", "any type": "*/*",
    }
    for name, media_type in types.items():
        yield f"odd: {name}", site.post("", good, media_type)
    headers = {
        "accepts HTML": {"Accept": "text/html"}, "accepts all": {"Accept": "*/*;q=0.1"},
        "accepts JSON and HTML": {"Accept": "application/json, text/html;q=0.9"},
        "a browser": {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
        "with a basic header": {"Authorization": "Basic YTpi"}, "with an empty header": {"Authorization": ""},
        "from another origin": {"Origin": "https://other.example"}, "overrides its method": {"X_HTTP_Method_Override": "GET"},
        "with a cookie": {"Cookie": "sessionid=x; csrftoken=y"}, "compressed": {"Content_Encoding": "gzip"},
    }
    for name, more in headers.items():
        yield f"odd: {name}", site.post("", good, media, **more)
    yield "odd: format JSON", site.post("?format=json", good)
    yield "odd: format XML", site.post("?format=xml", good)
    preflight = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    yield "odd: a preflight", send("OPTIONS", f"{site.url}/api/token/", headers=preflight)
    for path in ("token/", "token/refresh/", "token/verify/", "token/blacklist/"):
        for method in ("HEAD", "PUT", "PATCH", "DELETE"):
            yield f"odd: {method} {path}", send(method, f"{site.url}/api/{path}", None if method == "HEAD" else good)
    for method in ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
        yield f"odd: {method} without its slash", send(method, f"{site.url}/api/token", None if method == "HEAD" else good)
    for path in ("/api/token//", "/api//token/", "/API/TOKEN/", "/api/token/refresh", "/api/token/%20", "/api/token/refresh/x", "/api/token;a/"):
        yield f"odd: {path}", send("POST", site.url + path, good, {"Content-Type": media})


def logins(site):
    """Each case of a login, and its answer."""
    bodies = {
        "good": GOOD, "wrong password": GOOD | {"password": "no"}, "unknown user": GOOD | {"username": "eve"},
        "disabled user": GOOD | {"username": "off"}, "nothing": {}, "no password": {"username": "ada"},
        "empty": {"username": "", "password": ""}, "blank": {"username": " ", "password": "\t"},
        "null": {"username": None, "password": None}, "numbers": {"username": 5, "password": 1.5},
        "booleans": {"username": True, "password": False}, "lists": {"username": [], "password": {}},
        "NUL": {"username": "a\0b", "password": "x\0"}, "another field": GOOD | {"remember": True},
        "spaces around": {"username": " ada ", "password": f" {PASSWORD} "}, "upper case": GOOD | {"username": "ADA"},
        "a long password": GOOD | {"password": "a" * 5000}, "a list": [1],
    }
    for name, body in bodies.items():
        yield f"login: {name}", site.post("", body)
    texts = {
        "a text": '"x"', "null body": "null", "a number": "5", "cut off": "{", "NaN": '{"username":NaN}',
        "twice": json.dumps(GOOD)[:-1] + ', "username": "ada"}', "half a pair": '{"username":"\\ud800","password":"x"}',
        "nothing at all": "",
    }
    for name, text in texts.items():
        yield f"login: {name}", site.post("", text)
    form = f"username=ada&password={PASSWORD.replace(' ', '+')}"
    yield "login: form", site.post("", form, FORM)
    yield "login: form with charset", site.post("", form, FORM + "; charset=utf-8")
    yield "login: form, twice", site.post("", "username=eve&" + form, FORM)
    yield "login: empty form", site.post("", "", FORM)
    yield "login: form without values", site.post("", "username=&password=", FORM)
    yield "login: plain text", site.post("", "x", "text/plain")
    yield "login: accepts XML", site.post("", GOOD, Accept="application/xml")
    yield "login: with a bad bearer", site.post("", GOOD, Authorization="Bearer garbage")
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS"):
        yield f"login: {method}", send(method, f"{site.url}/api/token/")
    for path in ("token", "token/refresh", "token/verify", "token/blacklist"):
        for method in ("GET", "POST"):
            yield f"{method} {path} without its slash", send(method, f"{site.url}/api/{path}?a=b")
    yield "no such path", send("POST", f"{site.url}/api/token/nothing/", b"{}")


def presented(site):
    """Every kind of token, by name."""
    now = int(time.time())

    def used():
        token = site.login()["refresh"]
        site.post("refresh/", {"refresh": token})
        return token

    def blacklisted(token):
        site.post("blacklist/", {"refresh": token})
        return token

    def tampered(at):
        token = site.login()["refresh"]
        return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1:]

    return {
        "good": lambda: site.login()["refresh"], "access": lambda: site.login()["access"], "garbage": lambda: "garbage",
        "empty": lambda: "", "null": lambda: None, "number": lambda: 5, "boolean": lambda: True, "list": lambda: [],
        "spaces around": lambda: f" {site.login()['refresh']}\n", "with Bearer": lambda: "Bearer " + site.login()["refresh"],
        "tampered signature": lambda: tampered(-5), "tampered payload": lambda: tampered(60), "used": used,
        "blacklisted": lambda: blacklisted(site.login()["refresh"]), "old": site.mint, "old, int": lambda: site.mint(user_id=1),
        "old, blacklisted": lambda: blacklisted(site.mint()), "old access": lambda: site.mint(token_type="access"),
        "expired": lambda: site.mint(exp=now - 10), "no exp": lambda: site.mint(without=["exp"]),
        "exp in parts": lambda: site.mint(exp=now + 100.5), "exp as text": lambda: site.mint(exp=str(now + 100)),
        "exp after the year 9999": lambda: site.mint(exp=10**18), "no iat": lambda: site.mint(without=["iat"]),
        "iat ahead": lambda: site.mint(iat=now + 50), "nbf ahead": lambda: site.mint(nbf=now + 500),
        "no jti": lambda: site.mint(without=["jti"]), "jti number": lambda: site.mint(jti=5),
        "no type": lambda: site.mint(without=["token_type"]), "sliding": lambda: site.mint(token_type="sliding"),
        "no user": lambda: site.mint(without=["user_id"]), "empty user": lambda: site.mint(user_id=""),
        "unknown user": lambda: site.mint(user_id="999"), "disabled user": lambda: site.mint(user_id="2"),
        "alg none": lambda: site.mint(alg="none"), "another key": lambda: site.mint(key="x" * 50),
        "another alg": lambda: site.mint(alg="HS512"),
    }


def tokens(site):
    for path, field in (("refresh", "refresh"), ("verify", "token"), ("blacklist", "refresh")):
        for name, make in presented(site).items():
            yield f"{path}: {name}", site.post(f"{path}/", {field: make()})
        yield f"{path}: nothing", site.post(f"{path}/", {})
        yield f"{path}: a list", site.post(f"{path}/", [])
        yield f"{path}: form", site.post(f"{path}/", f"{field}={site.login()['refresh']}", FORM)
        yield f"{path}: plain text", site.post(f"{path}/", "x", "text/plain")
        yield f"{path}: GET", send("GET", f"{site.url}/api/token/{path}/")
    pair = site.login()
    site.post("blacklist/", {"refresh": pair["refresh"]})
    yield "verify: access after blacklist", site.post("verify/", {"token": pair["access"]})
    pair = site.login("gone")
    site.delete("gone")
    old = site.mint(user_id="3")
    yield "refresh: deleted user", site.post("refresh/", {"refresh": old})
    yield "verify: deleted user", site.post("verify/", {"token": old})
    yield "login: deleted user", site.post("", GOOD | {"username": "gone"})
    pair = site.login("later")
    site.disable("later")
    yield "refresh: user disabled since", site.post("refresh/", {"refresh": pair["refresh"]})
    yield "login: user disabled since", site.post("", GOOD | {"username": "later"})


def race(site):
    """How many successors one token gets that is presented eight times at once."""
    token, found, start = site.login()["refresh"], [], threading.Barrier(8)

    def go():
        start.wait()
        status, _, text = site.post("refresh/", {"refresh": token})
        found.append(json.loads(text)["refresh"] if status == 200 else None)

    threads = [threading.Thread(target=go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len({token for token in found if token})


def shape(answer):
    """Status, names of members and the code; and the whole text, where it says no more than that."""
    status, headers, text = answer
    body = json.loads(text) if headers.get_content_type() == "application/json" and text else {}
    code = body.get("code", "") if status >= 400 else ""
    short = " ".join(filter(None, [str(status), *sorted(body), code]))
    moved = headers.get("Location", "")
    told = json.dumps(body, sort_keys=True) if status >= 400 and " parse error" not in text else ""
    return short, (moved, told, headers.get("WWW-Authenticate", ""))


def check(django, ours):
    expected = {case: row for row in DIFFERENCES.values() for case in row[0]}
    seen, wrong = set(), []
    cases = lambda site: [case for cases in (logins, multiparts, odd, tokens) for case in cases(site)]
    pairs = zip(cases(django), cases(ours))
    count = 0
    for (name, theirs), (_, mine) in pairs:
        count += 1
        (theirs, more), (mine, others) = shape(theirs), shape(mine)
        if "--show" in sys.argv:
            print(f"{name:40} {theirs:45} {mine}")
        if name in expected:
            _, said, ours_said = expected[name]
            seen.add(name)
            fits = lambda text, said: said in (text, text.split(" ")[0])
            if not fits(theirs, said) or not fits(mine, ours_said) or theirs == mine:
                wrong.append((name, "is said to differ as", said, ours_said, "but is", theirs, mine))
        elif theirs != mine or more != others and name.split(": ")[-1] not in OTHER_TEXTS:
            wrong.append((name, theirs, more, mine, others))
    # SQLite makes Django's race rarer; one in some rounds is enough.
    most = max(race(django) for _ in range(30))
    assert {race(ours) for _ in range(10)} == {1}, "ours has more than one successor"
    seen.add("race")
    assert seen == expected.keys(), f"no such case: {expected.keys() - seen}"
    for row in DIFFERENCES:
        assert f"| {row} |" in PAGE, f"the page does not name: {row}"
    for problem in wrong:
        print(*problem, sep="\n    ")
    assert not wrong, f"{len(wrong)} cases differ"
    print(f"{count} requests are answered alike, but for the {len(DIFFERENCES)} differences of the page")
    print(f"one token presented eight times at once: Django gave up to {most} successors, this service 1")


def check_book(python, ours, tools):
    """Django, with the page's settings, lets in the tokens of this service and, for a while, those of before."""
    folder = tools / "resource"
    folder.mkdir()
    shutil.copy(tools / "django/django.db", folder)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    settings, old_tokens = blocks
    (folder / "settings.py").write_text(SETTINGS + settings.replace("http://127.0.0.1:8080", ours.url))
    (folder / "old_tokens.py").write_text(old_tokens)
    (folder / "urls.py").write_text(URLS)
    port = free_port()
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(folder), "OLD_SECRET_KEY": SECRET}
    command = [python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "django.core.wsgi:get_wsgi_application()"]
    site = Site(f"http://127.0.0.1:{port}", command, folder, env)
    try:
        pair = ours.login()
        old = ours.mint(token_type="access")
        asked = lambda token: send("GET", f"{site.url}/whoami", headers={"Authorization": f"Bearer {token}"})
        for token in (pair["access"], old):
            status, _, text = asked(token)
            assert (status, text) == (200, '{"id":1,"name":"ada"}'), (status, text)
        for token in (pair["refresh"], ours.mint(), ours.mint(token_type="access", key="x" * 50), "garbage"):
            assert asked(token)[0] == 401, token
    finally:
        site.stop()
    print("Django's JWTAuthentication lets in the access tokens of this service and those of before, and no others")


def main():
    named = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    program = str(Path(named[0] if named else ROOT / "target/release/tokensmith").resolve())
    with tempfile.TemporaryDirectory() as folder:
        tools = Path(folder)
        python = environment(tools, "djangorestframework-simplejwt[crypto]==5.5.1")
        django = Django(python, tools / "django")
        ours = Ours(program, tools / "ours")
        try:
            check(django, ours)
            check_book(python, ours, tools)
        finally:
            django.stop()
            ours.stop()


main()
