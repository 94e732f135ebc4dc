"""Runs the commands and the code of README and of the book as a reader would. It starts the service with README's first
command in this clone, runs every block marked `<!-- run: NAME -->` against it, and checks the output. The book's code for
other verifiers (PyJWT, jose) runs against a service for each signing algorithm."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *(ROOT / "docs/src").rglob("*.md")]
MARKED = re.compile(r"<!-- run: (\w+) -->\n```\w+\n(.*?)```", re.DOTALL)
BLOCKS = dict(block for page in PAGES for block in MARKED.findall(page.read_text()))
PYTHON = ["pyjwt[crypto]==2.15.1"]
NODE = ["jose@6.2.17"]
# Where Debian puts the Go package of the book, if it is installed.
GO = Path("/usr/share/gocode/src/github.com/coreos/go-oidc")
STEPS = ["step_login", "step_call", "step_end"]
OPERATED = ["users", "users_import", "claims", "clients", "audit", "keys", "calibrate", "migrate", "purge", "healthcheck", "config"]


class Service:
    """A service started on an empty folder, with the curl that its first start printed."""

    def __init__(self, command, cwd, env=None):
        self.process = subprocess.Popen(
            ["bash", "-c", command], cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )
        self.cwd = cwd
        self.curl = next((line.strip() for line in self.process.stdout if "curl" in line), None)
        assert self.curl and self.curl.startswith("curl"), f"the first start printed no curl: {command}"
        # There is no terminal: the password is in a file.
        self.password = (Path(cwd) / "data/first-admin-password").read_text().strip()
        assert self.password not in self.curl, self.curl

    def pair(self):
        return json.loads(shell(self.curl, cwd=self.cwd))

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=60)
        wait_until_refused()


def wait_until_refused():
    """Waits until README's address is free."""
    for _ in range(600):
        if subprocess.run(["curl", "-s", "http://127.0.0.1:8080/healthz"], capture_output=True).returncode != 0:
            return
        time.sleep(0.05)
    sys.exit("the service does not stop")


def shell(script, check=True, cwd=ROOT, **env):
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True
    )
    if check and done.returncode != 0:
        sys.exit(f"{script}\nfailed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def verifiers(tools):
    """The book's Python and JavaScript verifiers, as commands that take a token, and how each names its errors."""
    venv.create(tools / "venv", with_pip=True)
    python = tools / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PYTHON], check=True)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *NODE], cwd=tools, check=True)
    files = {"verify.py": "python", "verify.mjs": "node"}
    for file, block in files.items():
        (tools / file).write_text(BLOCKS[block])
    commands = {
        "PyJWT": ([python, tools / "verify.py"], "jwt.exceptions"),
        "jose": (["node", tools / "verify.mjs"], "ERR_J"),
    }
    return commands | go_verifier(tools)


def go_verifier(tools):
    """The book's program in Go, built where Go and Debian's go-oidc (version 2) are installed."""
    if not (shutil.which("go") and GO.is_dir()):
        print("WARNING: the book's program in Go is not run: golang-go, golang-github-coreos-go-oidc-dev are not installed")
        return {}
    (tools / "main.go").write_text(BLOCKS["go"].replace("github.com/coreos/go-oidc/v3/oidc", "github.com/coreos/go-oidc"))
    paths = {"GOPATH": "/usr/share/gocode", "GOCACHE": str(tools / "gocache"), "GO111MODULE": "off"}
    shell("go build -o notes main.go", cwd=tools, **paths)
    return {"go-oidc": ([tools / "notes"], "id token sign")}


def check_verifiers(commands, pair, alg):
    user, access, refresh = pair["user"]["id"], pair["access_token"], pair["refresh_token"]
    header, payload, signature = access.split(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    for name, (command, named) in commands.items():
        run = lambda token: subprocess.run([*command, token], capture_output=True, text=True)
        accepted = run(access)
        assert accepted.stdout.strip() == user, f"{name} refuses our {alg} access token:\n{accepted.stderr}"
        for what, token in {"refresh token": refresh, "tampered token": f"{header}.{payload}.{flipped}"}.items():
            refused = run(token)
            assert refused.returncode != 0 and user not in refused.stdout, f"{name} accepts our {alg} {what}"
            assert named in refused.stderr, f"{name} failed for another reason:\n{refused.stderr}"
        print(f"{name} accepts the {alg} access token, and refuses the refresh token and a tampered one")


CARELESS_PYTHON = """
import sys, jwt
keys = jwt.PyJWKClient("http://127.0.0.1:8080/.well-known/jwks.json")
key = keys.get_signing_key_from_jwt(sys.argv[1])
url = "http://127.0.0.1:8080"
print(jwt.decode(sys.argv[1], key, algorithms=[key.algorithm_name, "HS256"], issuer=url, audience=url, leeway=60))
"""

CARELESS_NODE = """
import { createRemoteJWKSet, jwtVerify } from "jose";
const issuer = "http://127.0.0.1:8080";
const keys = createRemoteJWKSet(new URL(issuer + "/.well-known/jwks.json"));
console.log((await jwtVerify(process.argv[2], keys, { issuer, audience: issuer })).payload);
"""


def check_careless(tools, pair, alg):
    """Verifiers that check only issuer and audience must not accept other documents of the service as access tokens."""
    (tools / "careless.py").write_text(CARELESS_PYTHON)
    (tools / "careless.mjs").write_text(CARELESS_NODE)
    commands = {"PyJWT": [tools / "venv/bin/python", tools / "careless.py"], "jose": ["node", tools / "careless.mjs"]}
    status, denylist = get("http://127.0.0.1:8080/.well-known/denylist")
    assert status == 200, denylist
    for name, command in commands.items():
        run = lambda token: subprocess.run([*command, token], capture_output=True, text=True)
        accepted = run(pair["access_token"])
        assert pair["user"]["id"] in accepted.stdout, f"{name} refuses our {alg} access token:\n{accepted.stderr}"
        refused = run(denylist)
        assert refused.returncode != 0, f"{name} takes the {alg} denylist for an access token"
        assert any(what in refused.stderr for what in ["InvalidAudienceError", '"aud"']), refused.stderr
        refused = run(pair["refresh_token"])
        assert refused.returncode != 0, f"{name} takes the {alg} refresh token for an access token"
        assert any(what in refused.stderr for what in ["jwt.exceptions", "ERR_J"]), refused.stderr
        print(f"{name}, used carelessly, takes neither the {alg} denylist nor the refresh token for an access token")


def check_people(pair, password):
    """The calls for accounts and API tokens: each returns what the text says."""
    tokens = {"ACCESS_TOKEN": pair["access_token"], "PASSWORD": password}
    answered = shell(BLOCKS["people"], **tokens)
    for expected in [
        '"current":true', '"name":"The Administrator"', '"refresh_generation":1', '"username":"grace"', '"next_cursor":null',
        '"name":"reauthenticated"', '"sessions_ended":',
    ]:
        assert expected in answered, (expected, answered)
    assert '"code"' not in answered, answered
    answered = shell(BLOCKS["api_tokens"], **tokens)
    for expected in ['"username":"admin"', '"token_type":"Bearer"', '"name":"nightly backup"', '"state":"active"']:
        assert expected in answered, (expected, answered)
    assert '"code"' not in answered, answered
    make, use = BLOCKS["api_tokens"].split("\ncurl", 1)
    answered = shell(f"{make}\n{BLOCKS['sign_up']}\ncurl{use}", **tokens)
    assert '"username":"joan"' in answered and '"code"' not in answered, answered
    key = shell(BLOCKS["api_tokens"] + '\necho " $API_TOKEN"', **tokens).split()[-1]
    assert re.fullmatch("tks_[a-km-np-z2-9]{47}", key), key
    assert get("http://127.0.0.1:8080/v1/me", key)[0] == 401, "the last call has revoked it"
    print("the calls for people and scripts work")


def check_client():
    """A client gets a token for itself, and revokes it."""
    answered = shell(BLOCKS["client_credentials"] + "\n" + BLOCKS["client_revokes"])
    tokens, revoked = (json.loads(line) for line in answered.replace("}{", "}\n{").splitlines())
    assert tokens["scope"] == "reports:read" and "refresh_token" not in tokens, tokens
    assert revoked["code"] == "token_revoked", revoked
    print("a script gets a token for itself")


def check_steps():
    """README's three steps, pasted into one shell, and a page that uses their variables."""
    answered = shell("\n".join(BLOCKS[name] for name in ["step_login", "verify", "step_call", "step_end"])).splitlines()
    answered = [json.loads(line) for line in "\n".join(answered).replace("}{", "}\n{").splitlines() if line.startswith("{")]
    pair, verified, me, refreshed, refused = answered
    assert pair["refresh_generation"] == 1 and pair["user"]["roles"] == ["admin"], pair
    assert verified["kind"] == "access_token" and me["session_id"] == pair["session_id"], answered
    assert refreshed["session_id"] == pair["session_id"] and refreshed["refresh_generation"] == 2, refreshed
    assert refused["code"] == "token_revoked", refused
    print("README's three steps work")


class Beside:
    """Starts a process beside the service, waits until it listens, and stops it at the end."""

    def __init__(self, command, port, cwd=ROOT):
        self.process = subprocess.Popen(command, cwd=cwd, start_new_session=True)
        for _ in range(1200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            assert self.process.poll() is None, f"{command} has ended"
            time.sleep(0.05)
        sys.exit(f"{command} does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=60)


def get(url, token=None, **headers):
    if token:
        headers["authorization"] = f"Bearer {token}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def pair_of(username, password):
    body = json.dumps({"username": username, "password": password}).encode()
    login = urllib.request.Request("http://127.0.0.1:8080/v1/tokens", body, {"content-type": "application/json"})
    with urllib.request.urlopen(login, timeout=10) as answer:
        return json.load(answer)


def refused_in_time(url, pair):
    """Ends the session. Other steps measure the two seconds that are promised."""
    assert get(url, pair["access_token"])[0] == 200
    body = json.dumps({"token": pair["refresh_token"]}).encode()
    revoke = urllib.request.Request("http://127.0.0.1:8080/v1/tokens/revoke", body, {"content-type": "application/json"})
    urllib.request.urlopen(revoke, timeout=10).close()
    ended = time.monotonic()
    while get(url, pair["access_token"])[0] == 200:
        assert time.monotonic() - ended < 30, f"{url} still lets the token in"
    assert get(url, pair["access_token"])[0] == 401


def check_backend(pair):
    subprocess.run(["bash", "-c", BLOCKS["backend"].replace("cargo run", "cargo build")], cwd=ROOT, check=True)
    with Beside(["bash", "-c", BLOCKS["backend"]], 8090):
        for _ in range(600):
            if get("http://127.0.0.1:8090/healthz")[0] == 200:
                break
            time.sleep(0.05)
        answered = shell(BLOCKS["backend_calls"], ACCESS_TOKEN=pair["access_token"])
        for expected in [f"The notes of the user {pair['user']['id']}", "The administrator", "denylist as of"]:
            assert expected in answered, answered
        assert get("http://127.0.0.1:8090/notes")[0] == 401
        refused_in_time("http://127.0.0.1:8090/notes", pair)
    print("the Rust service lets the token in, and refuses it after the logout")


def check_frameworks(tools, pair):
    """The book's service in Go accepts access tokens and nothing else."""
    tokens = [pair["access_token"], pair["refresh_token"]]
    if (tools / "notes").exists():
        with Beside([tools / "notes"], 8094):
            url = "http://127.0.0.1:8094"
            status, body = get(f"{url}/notes", tokens[0])
            assert status == 200 and pair["user"]["id"] in body, (status, body)
            assert get(f"{url}/admin", tokens[0])[0] == 200
            for bad in [None, "garbage", tokens[1]]:
                assert get(f"{url}/notes", bad)[0] == 401, bad
    print("the service in Go accepts the access token, and nothing else")


UPSTREAM = """
import http.server
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(repr(self.headers.get_all("x-user-id")).encode())
        if self.path != "/":
            self.wfile.write(repr([self.headers.get_all(name) for name in ["x-username", "x-roles"]]).encode())
    do_OPTIONS = do_POST = do_GET
http.server.ThreadingHTTPServer(("127.0.0.1", 8092), Echo).serve_forever()
"""


def check_nginx(tools, pair):
    temp = "".join(f"{kind}_temp_path temp;" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    main = "daemon off; master_process off; pid nginx.pid; error_log error.log; events {}"
    (tools / "nginx.conf").write_text(f"{main} http {{ access_log off; {temp} {BLOCKS['nginx']} {BLOCKS['nginx_login']} }}")
    url = "http://127.0.0.1:8091/"
    nginx = ["nginx", "-p", str(tools), "-e", "error.log", "-c", "nginx.conf"]
    with Beside([sys.executable, "-c", UPSTREAM], 8092), Beside(nginx, 8091):
        assert get(url, pair["access_token"], **{"x-user-id": "forged"}) == (200, repr([pair["user"]["id"]]))
        for bad in [None, "garbage", "a b", pair["refresh_token"]]:
            assert get(url, bad)[0] == 401, bad
        preflight = urllib.request.Request(url, headers={"origin": "http://127.0.0.1:3000"}, method="OPTIONS")
        with urllib.request.urlopen(preflight, timeout=10) as answer:
            assert answer.read() == b"None", "a preflight reaches the service, without a user"
        refused_in_time(url, pair)
    print("nginx lets the token in, tells who it is, lets preflights pass, and refuses the token after the logout")


def check_nginx_login(tools, password):
    """An app behind nginx whose users log in on our page."""
    jar, url = tools / "jar", "http://127.0.0.1:8097"

    def curl(*arguments, site="same-origin"):
        command = ["curl", "-s", "-i", "-b", jar, "-c", jar, "-H", f"Sec-Fetch-Site: {site}", *arguments]
        head, _, body = subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("\n\n")
        return head, body

    def is_at_login(answer, path):
        return " 303 " in answer[0] and f"\nLocation: /login?return_to={path}\n" in f"{answer[0]}\n"

    nginx = ["nginx", "-p", str(tools), "-e", "error.log", "-c", "nginx.conf"]
    login = f"{url}/login?return_to=/notes?a=1&b=2"
    form = ["--data-urlencode", "username=admin", "--data-urlencode", f"password={password}"]
    forged = ["-H", "X-User-Id: forged", "-H", "X-Username: forged", "-H", "X-Roles: forged"]
    with Beside([sys.executable, "-c", UPSTREAM], 8092), Beside(nginx, 8097):
        assert is_at_login(curl(f"{url}/notes?a=1&b=2", *forged), "/notes?a=1&b=2")
        assert "<form" in curl(login)[1]
        assert " 403 " in curl(login, *form, site="cross-site")[0]
        head, _ = curl(login, *form)
        assert " 303 " in head and "Location: /notes?a=1&b=2\n" in f"{head}\n".replace("location", "Location"), head
        assert " 403 " in curl(f"{url}/notes")[0], "the role is missing"
        conf = (tools / "nginx.conf").read_text().replace("role=editor", "role=admin")
    (tools / "nginx.conf").write_text(conf)
    with Beside([sys.executable, "-c", UPSTREAM], 8092), Beside(nginx, 8097):
        head, body = curl(f"{url}/notes", *forged)
        assert " 200 " in head and "forged" not in body and "['admin']" in body and "-" in body, (head, body)
        assert " 200 " in curl(f"{url}/notes", "-d", "x=1")[0]
        assert " 403 " in curl(f"{url}/notes", "-d", "x=1", site="cross-site")[0], "a form of another site"
        # Without the access cookie a new one comes with the app's response.
        jar.write_text("".join(line for line in jar.read_text().splitlines(True) if "ts_access" not in line))
        assert "set-cookie: ts_access=eyJ" in curl(f"{url}/notes", site="cross-site")[0].lower().replace("ts_access=eyj", "ts_access=eyJ")
        assert " 303 " in curl(f"{url}/login?return_to=/notes")[0], "who is signed in goes on"
        assert " 400 " in curl(f"{url}/login?return_to=//evil.example")[0]
        assert " 204 " in curl(f"{url}/v1/logout", "-X", "POST")[0]
        assert is_at_login(curl(f"{url}/notes"), "/notes")
    print("nginx sends people to the login page, lets them in with their cookies, and tells the app who they are")


def check_nginx_addresses(tools, program):
    """Whose address counts behind the login recipe, with TRUSTED_PROXIES as its page says."""
    jar, url = tools / "addresses", "http://127.0.0.1:8097"
    # Its address is another one than that of nginx.
    curl = ["curl", "-sf", "--interface", "127.0.0.2", "-b", jar, "-c", jar, "-H", "Sec-Fetch-Site: same-origin"]
    forged = ["-H", "X-Forwarded-For: 203.0.113.9", "-H", "Forwarded: for=203.0.113.9", "-H", "X-Real-IP: 203.0.113.9"]
    nginx = ["nginx", "-p", str(tools), "-e", "error.log", "-c", "nginx.conf"]
    with tempfile.TemporaryDirectory() as empty:
        service = Service(f"exec {program}", empty, {"ISSUER": url, "TRUSTED_PROXIES": "127.0.0.1"})
        try:
            with Beside([sys.executable, "-c", UPSTREAM], 8092), Beside(nginx, 8097):
                form = ["--data-urlencode", "username=admin", "--data-urlencode", f"password={service.password}"]
                subprocess.run([*curl, *forged, f"{url}/login?return_to=/notes", *form], check=True)
                subprocess.run([*curl, *forged, f"{url}/notes"], capture_output=True, check=True)
                sessions = subprocess.run([*curl, *forged, f"{url}/v1/sessions"], capture_output=True, check=True).stdout
                assert [session["ip"] for session in json.loads(sessions)["sessions"]] == ["127.0.0.2"], sessions
        finally:
            service.stop()
    print("behind nginx the address of the client counts, and none that it sends")


def check_nginx_alone(tools):
    """What nginx returns while tokensmith is down."""
    nginx = ["nginx", "-p", str(tools), "-e", "error.log", "-c", "nginx.conf"]
    with Beside([sys.executable, "-c", UPSTREAM], 8092), Beside(nginx, 8091):
        assert get("http://127.0.0.1:8091/", "a.b.c")[0] == 503


def check_benchmarks():
    """The benchmarks, for a second each: they must run without failures; speed is not checked."""
    short = {
        "--seconds 5": "--seconds 1",
        "10000,1000000,10000000": "--seconds 1 1000,2000",
        "parts": "parts -- --test",
        "bench revocation": "bench revocation -- --revocations 20",
        "bench durability": "bench durability -- --rounds 2",
        "bench torture": "bench torture -- --seconds 15 --sessions 16 --thieves 1",
    }
    script = BLOCKS["bench"]
    for long, shorter in short.items():
        assert long in script, f"the benchmarks have no {long}"
        script = script.replace(long, shorter)
    measured = shell(script.replace("--growth --seconds 1", "--seconds 1 --growth"))
    for load in ["| PostgreSQL | another instance | 20 |", "| refresh, strict | sqlite |", "| refresh, strict | postgresql |", "| revoke | postgresql |", "| SQLite | 2 |", "| PostgreSQL | 2 |", "2000 sessions | postgresql", "PostgreSQL, instances: 1"]:
        assert load in measured, f"the benchmark did not measure {load}"
    print("the benchmarks run")


def main():
    made = [ROOT / "data", *(ROOT / "keys").glob("*.pem"), *(ROOT / "keys").glob(".lock")]
    assert not any(path.exists() for path in made), f"this wants a clean clone; there is {made}"
    run_here = STEPS + OPERATED + ["start", "test", "install", "people", "api_tokens", "client_credentials", "client_revokes", "verify", "backend", "backend_calls"]
    run_here += ["sign_up", "python", "node", "go", "nginx", "nginx_login", "backup", "restore", "lost_admin", "bench"]
    assert BLOCKS.keys() == set(run_here), BLOCKS.keys() ^ set(run_here)
    with tempfile.TemporaryDirectory() as folder:
        tools = Path(folder)
        commands = verifiers(tools)
        service = Service(BLOCKS["start"], ROOT)
        try:
            check_verifiers(commands, service.pair(), "ES256")
            check_careless(tools, service.pair(), "ES256")
            check_frameworks(tools, service.pair())
            check_steps()
            check_people(service.pair(), service.password)
            check_client()
            check_backend(service.pair())
            check_nginx(tools, service.pair())
            check_nginx_login(tools, service.password)
            operated = shell("\n".join(BLOCKS[name] for name in OPERATED))
            for expected in ["enabled lin", "^client_secret: tkc_", "^deleted notes-app; 0 sessions", "^plan +{\"app_attribute", r"^next +ES256 ", r"^dropped ES256 key ", "^ready$", "^SIGNING_ALG=ES256", r"^ID +USERNAME"]:
                assert re.search(expected, operated, re.MULTILINE), (expected, operated)
            assert "is a backup of data/tokensmith.db" in shell(BLOCKS["backup"])
            shell(BLOCKS["lost_admin"])
            assert pair_of("admin", "another long passphrase")["user"]["roles"] == ["admin"]
            print("the operator's commands work")
        finally:
            service.stop()
        check_nginx_alone(tools)
        check_nginx_addresses(tools, ROOT / "target/release/tokensmith")
        assert re.search(r"^[1-9]\d* sessions? ended$", shell(BLOCKS["restore"]), re.MULTILINE)
        print("the backup can be restored")
        check_benchmarks()
        shell(BLOCKS["install"], CARGO_INSTALL_ROOT=str(tools / "installed"))
        for alg in ["EdDSA", "RS256"]:
            with tempfile.TemporaryDirectory() as empty:
                service = Service(f"exec {tools}/installed/bin/tokensmith", empty, {"SIGNING_ALG": alg})
                try:
                    check_verifiers(commands, service.pair(), alg)
                    check_careless(tools, service.pair(), alg)
                finally:
                    service.stop()


main()
