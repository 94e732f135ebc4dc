"""The denylist for verifiers at size: ten thousand of them wait at one instance; a million denials take little memory; and a
verifier follows it through nginx's cache, as the book has it, while sessions end at two instances. The example
`backend_service` must have been built with the program. `python3 .ci/feed.py [PROGRAM]`"""

import base64
import json
import os
import re
import resource
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/tokensmith").resolve()
PAGE = ROOT / "docs/src/operate/proxy-and-tls.md"
(CACHE,) = re.findall(r"<!-- run: feed/nginx -->\n```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
VERIFIER = PROGRAM.parent / "examples/backend_service"
READERS = 10_000
DENIALS = 1_000_000
# In MiB, peak included.
MOST_MEMORY = 96
# What most shells allow at first.
USUAL_FILES = 1_024
PROMISED = 2.0
ROUNDS = 12


class Beside:
    """A process that is stopped at the end. It is waited for until it listens."""

    def __init__(self, command, port, cwd, files=None, **env):
        limit = files and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
        env = {**os.environ, "RUST_LOG": "warn", **env}
        self.process = subprocess.Popen(command, cwd=cwd, env=env, preexec_fn=limit, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            assert self.process.poll() is None and time.monotonic() < deadline, f"{command} does not listen"
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)

    def memory(self, which="VmRSS"):
        """In MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{which}:\s+(\d+)", status)[1]) / 1024


def post(port, path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def pair(port, folder):
    password = Path(folder) / "data/first-admin-password"
    # It is made when the service already listens.
    while not password.exists() or not password.read_text():
        time.sleep(0.05)
    password = password.read_text().strip()
    return post(port, "/v1/tokens", {"username": "admin", "password": password})


def end(port, tokens):
    post(port, "/v1/tokens/revoke", {"token": tokens["refresh_token"]})


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def denylist(port, query=""):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/.well-known/denylist{query}", timeout=40) as answer:
        return answer.headers, claims(answer.read().decode())


def readers(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return int(re.search(r"^tokensmith_denylist_readers (\d+)", answer.read().decode(), re.MULTILINE)[1])


def allow_files(wanted):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, most)))


def connected(request):
    reader = socket.create_connection(("127.0.0.1", 8080))
    reader.sendall(request)
    reader.setblocking(False)
    return reader


def answers(waiting):
    """Reads the responses of all these connections; returns them."""
    poll = select.epoll()
    by_number = {reader.fileno(): (reader, bytearray()) for reader in waiting}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    done, deadline = [], time.monotonic() + 60
    while by_number:
        assert time.monotonic() < deadline, f"{len(by_number)} readers get no response"
        for number, _ in poll.poll(1):
            reader, got = by_number[number]
            got += reader.recv(65_536)
            head, separator, body = bytes(got).partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            if separator and len(body) == int(length[1]):
                done.append((head, body))
                poll.unregister(number)
                del by_number[number]
    return done


def check_many_readers(folder):
    env = {"METRICS_LISTEN": "127.0.0.1:9464"}
    with Beside([PROGRAM], 8080, folder, files=USUAL_FILES, **env) as service:
        session = pair(8080, folder)
        cursor = denylist(8080)[1]["cursor"]
        before = service.memory()
        request = f"GET /.well-known/denylist?since={cursor}&wait=30 HTTP/1.1\r\nhost: x\r\n\r\n".encode()
        waiting = [connected(request) for _ in range(READERS)]
        deadline = time.monotonic() + 25
        while readers(9464) < READERS:
            assert time.monotonic() < deadline, f"only {readers(9464)} readers wait"
            time.sleep(0.1)
        each = (service.memory() - before) * 1024 / READERS
        at_once = time.monotonic()
        assert not denylist(8080, f"?since={cursor}&wait=30")[1]["denied"], "one more gets a response at once"
        assert time.monotonic() - at_once < 10
        end(8080, session)
        ended = time.monotonic()
        got = answers(waiting)
        took = time.monotonic() - ended
        for reader in waiting:
            reader.close()
        assert len(got) == READERS and all(head.startswith(b"HTTP/1.1 200") for head, _ in got)
        sid = claims(session["access_token"])["sid"]
        assert all([entry["sid"] for entry in claims(body.decode())["denied"]] == [sid] for _, body in got)
        assert took < PROMISED, f"the last of {READERS} readers learned of it after {took:.2f} s"
    print(f"{READERS} readers wait at once, {each:.0f} KiB each, and all have learned of an ended session after {took:.2f} s")


def deny(folder, count):
    """Denials of the last five minutes, half of sessions and half of access tokens."""
    now = int(time.time())
    rows = (
        (os.urandom(16), ["sid", "jti"][number % 2], now - 300 + 300 * number // count, now + 600 + number % 300)
        for number in range(count)
    )
    database = sqlite3.connect(folder + "/data/tokensmith.db")
    with database:
        database.executemany("insert into denylist (subject, kind, denied_at, expires_at) values (?, ?, ?, ?)", rows)
    database.close()


def read_whole_list():
    """Returns the number of its entries."""
    count, query, more = 0, "", True
    while more:
        page = denylist(8080, query)[1]
        count, query, more = count + len(page["denied"]), f"?since={page['cursor']}", page["more"]
    return count


def peaks(folder, expected):
    """The most memory that the service and a verifier have used, when there are so many denials."""
    with Beside([PROGRAM], 8080, folder) as service, Beside([VERIFIER], 8090, folder) as verifier:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen("http://127.0.0.1:8090/healthz", timeout=10):
                    break
            except urllib.error.HTTPError:
                assert time.monotonic() < deadline, "the verifier does not get the list"
                time.sleep(0.2)
        read = read_whole_list()
        assert read == expected, f"{read} of {expected} denials"
        return service.memory("VmHWM"), verifier.memory("VmHWM")


def check_memory(folder):
    # The first start hashes the password of the first admin, which takes memory.
    peaks(folder, 0)
    before = peaks(folder, 0)
    deny(folder, DENIALS)
    more = [round(after - at_first) for after, at_first in zip(peaks(folder, DENIALS), before)]
    assert max(more) <= MOST_MEMORY, f"{DENIALS} denials take {more[0]} MiB, and {more[1]} MiB in a verifier"
    print(f"{DENIALS} denials take {more[0]} MiB more, peak included, and {more[1]} MiB in a verifier")


def check_behind_cache(folder, tools):
    temp = "".join(f"{kind}_temp_path temp;" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    # In a folder of this test, and with a header that tells whether a response came from the cache.
    recipe = CACHE.replace("/var/cache/tokensmith", f"{tools}/cache")
    recipe = recipe.replace("proxy_cache denylist;", "proxy_cache denylist; add_header X-Cache $upstream_cache_status;")
    assert f"{tools}/cache" in recipe and "X-Cache" in recipe
    main = "daemon off; user root; pid nginx.pid; error_log error.log; events {}"
    (tools / "nginx.conf").write_text(f"{main} http {{ access_log off; {temp} {recipe} }}")
    nginx = ["nginx", "-p", str(tools), "-e", "error.log", "-c", "nginx.conf"]
    issuer = {"ISSUER": "http://127.0.0.1:8098"}
    with (
        Beside([PROGRAM], 8080, folder, **issuer),
        Beside([PROGRAM], 8081, folder, LISTEN="127.0.0.1:8081", **issuer),
        Beside(nginx, 8098, tools),
        Beside([VERIFIER, issuer["ISSUER"]], 8090, folder),
    ):
        times = {8080: [], 8081: []}
        for number in range(ROUNDS):
            port = [8080, 8081][number % 2]
            times[port].append(time_until_refused(port, pair(port, folder)))
            # Not in step with the polls.
            time.sleep(number * 0.07)
        cached = {denylist(8098)[0]["x-cache"] for _ in range(3)}
        assert "HIT" in cached, f"nothing comes from the cache: {cached}"
        cursor = denylist(8098)[1]["cursor"]
        kept = {denylist(8098, f"?since={cursor}")[0]["x-cache"] for _ in range(3)}
        assert "HIT" not in kept, "that there is no news came from the cache"
    # One may be late: the machine itself may have stood still.
    assert sorted(times[8080] + times[8081])[-2] < PROMISED, times
    print(f"through nginx's cache a session is refused after at most {max(times[8080]):.2f} s, one that ended at another instance after {max(times[8081]):.2f} s")


def time_until_refused(port, tokens):
    call = urllib.request.Request("http://127.0.0.1:8090/notes", headers={"authorization": f"Bearer {tokens['access_token']}"})
    deadline = time.monotonic() + 10
    while not is_let_in(call):
        assert time.monotonic() < deadline, "the verifier does not let a new token in"
    end(port, tokens)
    ended = time.monotonic()
    while is_let_in(call):
        assert time.monotonic() - ended < 30, f"a session that ended at port {port} is still let in"
        time.sleep(0.01)
    return time.monotonic() - ended


def is_let_in(call):
    try:
        with urllib.request.urlopen(call, timeout=10) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as refused:
        assert refused.code in (401, 503), refused.code
        return False


def main():
    allow_files(READERS + 200)
    with tempfile.TemporaryDirectory() as folder:
        check_many_readers(folder)
    with tempfile.TemporaryDirectory() as folder:
        check_memory(folder)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as tools:
        check_behind_cache(folder, Path(tools))


main()
