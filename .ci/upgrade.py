"""Upgrades a service from an older build, and runs both side by side, on SQLite and on PostgreSQL:

    python3 .ci/upgrade.py OLD NEW [--seconds 60]

OLD and NEW are folders that hold the binaries `tokensmith` and `examples/backend_service`, as cargo leaves them in
`target/debug` or `target/release`. First OLD makes accounts, sessions in every state, API tokens, revocations and keys,
and is killed; NEW must go on with all of it. Then both serve one database for a while, behind one address, under load:
clients that lose answers must never be logged out, and whatever one instance revokes, both instances and the verifiers of
both builds must refuse within two seconds. Needs the ports 8080 and 8090."""

import argparse
import base64
import http.server
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from ports import free_port

ISSUER = "http://127.0.0.1:8080"
PASSWORD = "correct horse battery staple"
# One second for news to reach another instance, one for the poll of a verifier; the rest is for a busy machine.
REVOCATION_BOUND_S = 2.0
PATIENCE_S = 3.0
# Short lives: a minute of load sees many of them.
SETTINGS = {
    "ISSUER": ISSUER, "LOG_FORMAT": "json", "RUST_LOG": "warn,tokensmith=info",
    "ACCESS_TOKEN_LIFETIME": "12s", "REFRESH_SETTLE_WINDOW": "1s", "REFRESH_RETRY_WINDOW": "6s",
}
NAMES = ["ada", "grace.hopper", "жуков", "éclair"]


def call(base, method, path, body=None, token=None, scheme="Bearer", timeout=10):
    """The status and the JSON of an answer (or its text)."""
    headers = {"content-type": "application/json"} if body is not None else {}
    if token:
        headers["authorization"] = f"{scheme} {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        status, text = refused.code, refused.read().decode()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def until(what, check, seconds=30.0):
    """Waits for something; returns how long it took."""
    started = time.monotonic()
    while not check():
        if time.monotonic() - started > seconds:
            sys.exit(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - started


class Process:
    """A named process of ours with its log; ended by its own pid."""

    def __init__(self, name, command, folder, env=None):
        self.name, self.log = name, folder / f"{name}.log"
        self.process = subprocess.Popen(
            [str(part) for part in command], cwd=folder, env={"PATH": os.environ["PATH"], **(env or {})},
            stdin=subprocess.DEVNULL, stdout=self.log.open("ab"), stderr=subprocess.STDOUT,
        )

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)


class Instance(Process):
    """A service that serves."""

    def __init__(self, name, binary, folder, env):
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        super().__init__(name, [binary, "serve"], folder, {**env, "LISTEN": f"127.0.0.1:{port}"})
        until(f"{name} is ready: see {self.log}", self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            sys.exit(f"{self.name} has ended:\n{self.log.read_text()}")
        try:
            return call(self.base, "GET", "/readyz")[0] == 200
        except OSError:
            return False

    def ok(self, method, path, body=None, token=None, scheme="Bearer"):
        status, answer = call(self.base, method, path, body, token, scheme)
        assert status in (200, 201, 204), (self.name, method, path, status, answer)
        return answer

    def login(self, name="ada"):
        return self.ok("POST", "/v1/tokens", {"username": name, "password": PASSWORD})

    def refresh(self, pair):
        return call(self.base, "POST", "/v1/tokens/refresh", {"refresh_token": pair["refresh_token"]})

    def me(self, token):
        return call(self.base, "GET", "/v1/me", token=token)[0]


class Cluster:
    """A private PostgreSQL, run by a user who is not root."""

    def __init__(self, folder):
        self.bin = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
        assert self.bin, "PostgreSQL is not installed"
        self.folder, self.port = folder, free_port()
        folder.mkdir()
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(folder, self.user)
        self.run("initdb", "-D", folder / "data", "-U", "tokensmith", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        options = f"-p {self.port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.run("pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start")

    def create(self, name):
        self.run("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "tokensmith", name)
        return f"postgres://tokensmith@127.0.0.1:{self.port}/{name}"

    def run(self, program, *args):
        as_user = ["runuser", "-u", self.user, "--"] if self.user else []
        command = [*as_user, self.bin / program, *args]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def stop(self):
        self.run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")


class Front:
    """One address before several instances: each request goes to one of them at random."""

    def __init__(self):
        self.bases = []
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                request = urllib.request.Request(random.choice(front.bases) + self.path, headers=headers)
                try:
                    with urllib.request.urlopen(request, timeout=40) as answer:
                        status, head, body = answer.status, answer.headers, answer.read()
                except urllib.error.HTTPError as other:
                    status, head, body = other.code, other.headers, other.read()
                except OSError:
                    status, head, body = 503, {}, b""
                self.send_response(status)
                for name, value in head.items():
                    if name.lower() not in ("connection", "content-length", "date", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass  # The reader has gone.

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def create_user(binary, folder, env, name, *options):
    command = [str(binary), "users", "create", name, "--password-stdin", *options]
    subprocess.run(command, input=PASSWORD.encode(), cwd=folder, env={"PATH": os.environ["PATH"], **env}, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_everything(old):
    """A service's past: what there is before the upgrade."""
    made = {"pairs": {name: old.login(name) for name in NAMES}}
    rotated = old.login()
    for _ in range(3):
        time.sleep(1.1)  # The settle window.
        rotated = old.refresh(rotated)[1]
    made["rotated"] = rotated
    time.sleep(1.1)
    made["retried"] = rotated
    made["successor"] = old.refresh(rotated)[1]
    made["ended"] = old.login()
    old.ok("POST", "/v1/tokens/revoke", {"token": made["ended"]["refresh_token"]})
    made["denied_alone"] = old.login()
    old.ok("POST", "/v1/tokens/revoke", {"token": made["denied_alone"]["access_token"]})
    admin = old.login("root")
    token = lambda name: old.ok("POST", "/v1/api-tokens", {"name": name}, admin["access_token"])
    made["api_token"], made["revoked_api_token"] = token("kept")["key"], token("revoked")["key"]
    made["exchanged"] = exchange(old, made["revoked_api_token"])[1]["access_token"]
    old.ok("POST", "/v1/tokens/revoke", {"token": made["revoked_api_token"]})
    old.ok("POST", "/v1/admin/keys/rotate", {}, admin["access_token"])
    made["keys"] = {key["kid"] for key in old.ok("GET", "/v1/admin/keys", token=admin["access_token"])["keys"]}
    made["events"] = len(old.ok("GET", "/v1/admin/audit?limit=100", token=admin["access_token"])["events"])
    return made


def exchange(instance, key):
    """The endpoint has moved from one build to the next; either will do."""
    for path in ["/v1/tokens/exchange", "/v1/api-tokens/exchange"]:
        status, answer = call(instance.base, "POST", path, token=key, scheme="Token")
        if status != 404:
            return status, answer
    sys.exit("there is no endpoint that exchanges API tokens")


def check_everything(new, made):
    """What the older build has made, the newer one goes on with."""
    denied = [made["ended"]["access_token"], made["denied_alone"]["access_token"], made["exchanged"]]
    assert [new.me(token) for token in denied] == [401] * 3, "a denial was lost"
    for name, pair in made["pairs"].items():
        assert new.me(pair["access_token"]) == 200, name
        status, next_pair = new.refresh(pair)
        assert (status, next_pair.get("refresh_generation")) == (200, 2), (name, status, next_pair)
        assert new.login(name)["user"]["id"] == pair["user"]["id"], name
    status, retried = new.refresh(made["retried"])
    assert (status, retried.get("refresh_generation")) == (200, made["successor"]["refresh_generation"]), (status, retried)
    status, ended = new.refresh(made["ended"])
    assert (status, ended["code"], ended["reason"]) == (401, "session_ended", "logout"), ended
    status, reused = new.refresh(made["pairs"]["ada"])
    assert status == 200, ("within the retry window", reused)
    assert exchange(new, made["api_token"])[0] == 200
    assert exchange(new, made["revoked_api_token"])[1]["code"] == "api_token_revoked"
    admin = new.login("root")["access_token"]
    assert made["keys"] <= {key["kid"] for key in new.ok("GET", "/v1/admin/keys", token=admin)["keys"]}
    events = new.ok("GET", "/v1/admin/audit?limit=100", token=admin)["events"]
    assert len(events) >= min(made["events"], 100), "events were lost"
    names = {user["username"] for user in new.ok("GET", "/v1/admin/users?limit=100", token=admin)["users"]}
    assert set(NAMES) <= names, names


class Client(threading.Thread):
    """An honest client: refreshes at a random instance, loses answers, asks again with the same token."""

    def __init__(self, instances, seed, stop):
        super().__init__(daemon=True)
        self.instances, self.random, self.stop = instances, random.Random(seed), stop
        self.pair = instances[0].login()
        self.refreshes, self.refused = 0, []

    def run(self):
        try:
            while not self.stop.is_set():
                token, lost = self.pair, self.random.random() < 0.2
                if lost:
                    self.random.choice(self.instances).refresh(token)
                    time.sleep(self.random.random() * 3)
                status, answer = self.random.choice(self.instances).refresh(token)
                if status != 200:
                    self.refused.append((status, answer))
                    return
                self.refreshes += 1
                if answer["refresh_generation"] >= self.pair["refresh_generation"]:
                    self.pair = answer
                time.sleep(0.3 + self.random.random())
        except OSError as error:
            self.refused.append(("no answer", repr(error)))


def revoke_one(kind, at, other):
    """Revokes something at one instance; returns the access token that must be refused from then on."""
    pair = at.login()
    access = pair["access_token"]
    if kind == "logout":
        at.ok("POST", "/v1/logout", token=access)
    elif kind == "refresh token":
        at.ok("POST", "/v1/tokens/revoke", {"token": pair["refresh_token"]})
    elif kind == "access token":
        at.ok("POST", "/v1/tokens/revoke", {"token": access})
    elif kind == "reuse":
        second = other.refresh(pair)[1]
        time.sleep(1.1)  # The settle window.
        access = other.refresh(second)[1]["access_token"]
        status, reused = at.refresh(pair)
        assert (status, reused["code"]) == (401, "refresh_token_reused"), reused
    else:
        admin = at.login("root")["access_token"]
        key = at.ok("POST", "/v1/api-tokens", {"name": "short"}, admin)["key"]
        access = exchange(at, key)[1]["access_token"]
        at.ok("POST", "/v1/tokens/revoke", {"token": key})
    return access


def side_by_side(instances, backends, seconds):
    stop = threading.Event()
    clients = [Client(instances, seed, stop) for seed in range(24)]
    for client in clients:
        client.start()
    kinds = ["logout", "refresh token", "access token", "reuse", "api token"]
    ends_at, slowest, revocations = time.monotonic() + seconds, 0.0, 0
    while time.monotonic() < ends_at:
        kind, at = kinds[revocations % len(kinds)], instances[revocations // len(kinds) % len(instances)]
        other = instances[1 - instances.index(at)]
        access = revoke_one(kind, at, other)
        revoked_at = time.monotonic()
        askers = [lambda i=instance: i.me(access) for instance in instances]
        askers += [lambda b=backend: call(b, "GET", "/notes", token=access)[0] for backend in backends]
        for asker in askers:
            until(f"a revoked token is refused ({kind} at {at.name})", lambda a=asker: a() == 401, PATIENCE_S)
        slowest, revocations = max(slowest, time.monotonic() - revoked_at), revocations + 1
        live = at.login()["access_token"]
        for backend in backends:
            until("a live token is accepted", lambda b=backend: call(b, "GET", "/notes", token=live)[0] == 200, PATIENCE_S)
    stop.set()
    for client in clients:
        client.join()
    refused = [why for client in clients for why in client.refused]
    assert not refused, f"honest clients were refused: {refused}"
    refreshes = sum(client.refreshes for client in clients)
    print(f"  side by side for {seconds} s: {refreshes} refreshes by {len(clients)} clients, none refused; "
          f"{revocations} revocations, the slowest refused everywhere after {slowest:.2f} s (bound {REVOCATION_BOUND_S} s)")
    assert refreshes > 0 and revocations > 0


def upgrade(folder, env, old, new, keep):
    create_user(old / "tokensmith", folder, env, "root", "--role", "admin")
    for name in NAMES:
        create_user(old / "tokensmith", folder, env, name)
    before = keep(Instance("old", old / "tokensmith", folder, env))
    made = make_everything(before)
    before.stop(signal.SIGKILL)
    after = keep(Instance("new", new / "tokensmith", folder, env))
    check_everything(after, made)
    after.stop()
    print("  the upgrade keeps sessions, denials, API tokens, accounts, keys and events")


def rolling(folder, env, builds, keep, seconds):
    """The older instance runs when the newer one starts and migrates."""
    for name in ["root", "ada"]:
        create_user(builds["old"] / "tokensmith", folder, env, name, "--role", "admin")
    instances = [keep(Instance(f"{name}-beside", build / "tokensmith", folder, env)) for name, build in builds.items()]
    front = keep(Front())
    front.bases = [instance.base for instance in instances]
    backends = []
    # The oldest builds of the example know no other address than 8090.
    for (name, build), port in zip(builds.items(), [8090, free_port()]):
        base = f"http://127.0.0.1:{port}"
        keep(Process(f"{name}-backend", [build / "examples/backend_service", ISSUER, f"127.0.0.1:{port}"], folder))
        until(f"{name}-backend follows the denylist", lambda: is_well(base))
        backends.append(base)
    side_by_side(instances, backends, seconds)


def on_engine(engine, builds, seconds):
    folder = Path(tempfile.mkdtemp(prefix="tokensmith-upgrade-"))
    print(f"{engine}: {folder}", flush=True)
    folder.chmod(0o755)
    started = []

    def keep(thing):
        started.append(thing)
        return thing

    try:
        cluster = keep(Cluster(folder / "pg")) if engine == "postgresql" else None
        for part in ["upgrade", "rolling"]:
            (folder / part).mkdir()
            url = cluster.create(part) if cluster else f"sqlite://{folder / part}/test.db"
            env = {**SETTINGS, "DATABASE_URL": url, "KEYS_DIR": str(folder / part / "keys")}
            if part == "upgrade":
                upgrade(folder / part, env, builds["old"], builds["new"], keep)
            else:
                rolling(folder / part, env, builds, keep, seconds)
    finally:
        for thing in reversed(started):
            thing.stop()
    shutil.rmtree(folder)


def is_well(base):
    try:
        return call(base, "GET", "/healthz")[0] == 200
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    for engine in [options.engine] if options.engine else ["sqlite", "postgresql"]:
        on_engine(engine, {"old": options.old.resolve(), "new": options.new.resolve()}, options.seconds)


main()
