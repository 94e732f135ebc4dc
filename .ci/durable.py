"""What is acknowledged is on disk: traces a service, and a PostgreSQL of its own, while sessions begin, go on and end, one request
after the other, and checks that the log of the database was synchronized between each request and its response.
`python3 .ci/durable.py [PROGRAM]`"""

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
import urllib.request
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/tokensmith").resolve()
PASSWORD = "a long and unusual sentence"
ROUNDS = 5
CALLS = "fsync,fdatasync,recvfrom,read,sendto,write,writev"
# Who, when, and what has happened. A call of another thread may come between the two halves of one.
LINE = re.compile(r"(\d+) +(\d+\.\d+) (.*)")


def until(is_so, process, what):
    deadline = time.monotonic() + 60
    while not is_so():
        assert process.poll() is None and time.monotonic() < deadline, what
        time.sleep(0.05)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Traced:
    """A process and its children, traced. It is waited for until it listens, and is stopped at the end."""

    def __init__(self, trace, command, port, **more):
        self.trace, user = trace, more.pop("user", None)
        tracing = ["strace", "-f", "-y", "-ttt", "-T", "-s", "48", "-e", f"trace={CALLS}", "-o", str(trace)]
        tracing += ["-u", user] if user else []
        self.process = subprocess.Popen([*tracing, *map(str, command)], stdout=subprocess.DEVNULL, **more)
        until(lambda: listens(port), self.process, f"{command[0]} does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is not None:
            return
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        os.kill(int(children[0]), how)
        self.process.wait(timeout=60)

    def events(self):
        """The times when requests came, responses went, and a file was on disk, in order."""
        begun, events = {}, []
        for line in self.trace.read_text(errors="replace").splitlines():
            who, when, what = LINE.match(line).groups()
            if what.endswith("<unfinished ...>"):
                begun[who] = (float(when), what.removesuffix("<unfinished ...>"))
                continue
            began, first = begun.pop(who, (float(when), "")) if what.startswith("<... ") else (float(when), "")
            whole = first + what
            if request := re.search(r'"POST (/[^ ]*) HTTP', whole):
                events.append((float(when), "request", request[1]))
            elif status := re.search(r'"HTTP/1\.1 (\d+)', whole):
                # It may have left as soon as the call began.
                events.append((began, "response", status[1]))
            elif written := re.match(r"f(?:data)?sync\(\d+<([^>]*)>.*= 0 <([\d.]+)>$", whole):
                # The time of a whole call is that of its begin.
                took = 0 if first else float(written[2])
                events.append((float(when) + took, "disk", written[1]))
        return sorted(events)


class PostgreSql:
    """A private cluster with the settings it comes with, run by a user who is not root."""

    def __init__(self, folder):
        self.bin = max(Path("/usr/lib/postgresql").glob("*/bin"))
        self.user = "postgres" if os.geteuid() == 0 else None
        self.port, data = free_port(), folder / "cluster" / "data"
        data.parent.mkdir()
        if self.user:
            shutil.chown(data.parent, self.user)
        as_user = ["runuser", "-u", self.user, "--"] if self.user else []
        initdb = [*as_user, self.bin / "initdb", "-D", data, "-U", "tokensmith", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/")
        options = ["-D", data, "-p", self.port, "-k", data.parent, "-c", "listen_addresses=127.0.0.1"]
        command, log = [self.bin / "postgres", *options], open(folder / "postgres.log", "w")
        self.traced = Traced(folder / "cluster.trace", command, self.port, user=self.user, cwd="/", stderr=log)

    def create(self):
        """An empty database; returns its address."""
        create = [self.bin / "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tokensmith", "durable"]
        # It listens before it has started up.
        is_created = lambda: subprocess.run(create, stderr=subprocess.DEVNULL).returncode == 0
        until(is_created, self.traced.process, "PostgreSQL does not create a database")
        return f"postgres://tokensmith@127.0.0.1:{self.port}/durable"


def post(base, path, body=None, access_token=None):
    headers = {"content-type": "application/json"}
    if access_token:
        headers["authorization"] = f"Bearer {access_token}"
    request = urllib.request.Request(base + path, json.dumps(body).encode() if body else b"", headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


def use(base):
    """One request after the other, each of which must be on disk before its response."""
    for _ in range(ROUNDS):
        first = post(base, "/v1/tokens", {"username": "ada", "password": PASSWORD})
        first = post(base, "/v1/tokens/refresh", {"refresh_token": first["refresh_token"]})
        post(base, "/v1/tokens/revoke", {"token": first["access_token"]})
        post(base, "/v1/tokens/revoke", {"token": first["refresh_token"]})
        second = post(base, "/v1/tokens", {"username": "ada", "password": PASSWORD})
        post(base, "/v1/logout", access_token=second["access_token"])


def check(name, folder, database_url, of_database=None):
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    windows = {"REFRESH_SETTLE_WINDOW": "0s", "REFRESH_RETRY_WINDOW": "0s"}
    env = {**os.environ, "LISTEN": f"127.0.0.1:{port}", "ISSUER": base, "DATABASE_URL": database_url, "RUST_LOG": "warn", **windows}
    env["KEYS_DIR"] = str(folder / f"keys-{name}")
    create = [PROGRAM, "users", "create", "ada", "--password-stdin"]
    subprocess.run(create, cwd=folder, env=env, input=PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)
    with Traced(folder / f"{name}.trace", [PROGRAM], port, cwd=folder, env=env) as service:
        use(base)
    if of_database:
        of_database.stop(signal.SIGINT)
    writes = [event for event in (of_database or service).events() if event[1] == "disk"]
    request, checked = None, {}
    for when, kind, what in service.events():
        if kind == "request":
            request = (when, what)
        elif kind == "response" and request:
            began, path = request
            assert what in ("200", "201", "204"), f"{name}: {path} is answered with {what}"
            files = {Path(file).parent.name if of_database else Path(file).name for at, _, file in writes if began < at < when}
            wanted = "pg_wal" if of_database else "tokensmith.db-wal"
            assert wanted in files, f"{name}: {path} was answered before {wanted} was on disk; only {files} was"
            checked[path], request = checked.get(path, 0) + 1, None
    assert sum(checked.values()) == 6 * ROUNDS, f"{name}: the trace has only {checked}"
    print(f"{name}: on disk before the response: {checked}", flush=True)


def main():
    if subprocess.run(["strace", "-o", os.devnull, "true"]).returncode != 0:
        print("WARNING: DURABILITY IS NOT CHECKED: this machine does not allow strace to trace", flush=True)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        check("sqlite", folder, f"sqlite://{folder}/tokensmith.db")
        postgresql = PostgreSql(folder)
        with postgresql.traced:
            check("postgresql", folder, postgresql.create(), postgresql.traced)


if __name__ == "__main__":
    main()
