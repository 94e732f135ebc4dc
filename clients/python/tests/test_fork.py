"""Processes that fork after the verifier was made: the threads do not come along, and are started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tokensmith import TokenError, Verifier

from .http_issuer import HttpIssuer, eventually
from .service import free_port

USER = "019a0000-0000-7000-8000-000000000001"
SESSION = "019a0000-0000-7000-8000-00000000000a"


def in_child(check: object) -> int:
    """Runs a function in a forked process; returns its pid. The process ends with 0 if the function returns."""
    pid = os.fork()
    if pid:
        return pid
    try:
        check()  # type: ignore[operator]
        os._exit(0)
    except BaseException as error:
        print(f"in the child: {error!r}", file=sys.stderr)
        os._exit(1)


def outcome(verifier: Verifier, token: str) -> str:
    try:
        verifier.verify(token)
        return "ok"
    except TokenError as error:
        return error.code


@pytest.mark.parametrize("is_used_before", [True, False])
def test_a_forked_process_accepts_tokens_at_once_and_learns_of_revocations(
    issuer: HttpIssuer, is_used_before: bool
) -> None:
    token = issuer.token(USER, sid=SESSION)
    with issuer.following() as verifier:
        if is_used_before:
            assert outcome(verifier, token) == "ok"
        reading, writing = os.pipe()

        def child() -> None:
            assert outcome(verifier, token) == "ok"
            os.write(writing, b".")
            eventually(lambda: outcome(verifier, token) == "token_revoked")
            names = {thread.name for thread in threading.enumerate()}
            assert {"tokensmith-keys", "tokensmith-denylist"} <= names

        children = [in_child(child) for _ in range(2)]
        for _ in children:
            assert os.read(reading, 1) == b"."
        issuer.deny(sid=SESSION)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
        eventually(lambda: outcome(verifier, token) == "token_revoked")
        os.close(reading)
        os.close(writing)


def test_what_was_revoked_while_a_forked_process_was_idle_is_known_with_its_first_token(issuer: HttpIssuer) -> None:
    token = issuer.token(USER, sid=SESSION)
    with issuer.following() as verifier:
        assert outcome(verifier, token) == "ok"
        reading, writing = os.pipe()

        def child() -> None:
            os.read(reading, 1)
            assert outcome(verifier, token) == "token_revoked"

        pid = in_child(child)
        issuer.deny(sid=SESSION)
        os.write(writing, b".")
        assert os.waitpid(pid, 0)[1] == 0
        os.close(reading)
        os.close(writing)


def test_a_fork_while_other_threads_verify_leaves_no_lock_behind(issuer: HttpIssuer) -> None:
    token = issuer.token(USER)
    with issuer.following(cache_size=0) as verifier:
        is_over = threading.Event()

        def work() -> None:
            while not is_over.is_set():
                outcome(verifier, token)
                outcome(verifier, "x.y.z")

        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()

        def child() -> None:
            assert outcome(verifier, token) == "ok"

        try:
            for _ in range(20):
                assert os.waitpid(in_child(child), 0)[1] == 0
        finally:
            is_over.set()
            for worker in workers:
                worker.join()


APPLICATION = """
import os
from tokensmith import TokenError, Verifier

verifier = Verifier({issuer!r}, {audience!r})
if {is_used!r}:
    verifier.verify({token!r})

def application(environ, start_response):
    try:
        claims = verifier.authenticate(environ.get("HTTP_AUTHORIZATION"))
    except TokenError as error:
        start_response(f"{{error.status}} Refused", list(error.headers.items()))
        return [error.code.encode()]
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""


@pytest.fixture(params=[True, False], ids=["used before", "not used before"])
def gunicorn(request: pytest.FixtureRequest, issuer: HttpIssuer, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two workers of an application that was loaded before them; its URL, and a token."""
    token = issuer.token(USER, sid=SESSION)
    source = APPLICATION.format(issuer=issuer.issuer, audience=issuer.audience, token=token, is_used=request.param)
    (tmp_path / "forked.py").write_text(source)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--preload",
        "-w",
        "2",
        "-b",
        f"127.0.0.1:{port}",
        "forked:application",
    ]
    process = subprocess.Popen([*command, "--log-level", "warning"], cwd=tmp_path)
    try:
        yield f"http://127.0.0.1:{port}/", token
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_under_gunicorn_with_preload_every_worker_learns_of_a_revocation(
    issuer: HttpIssuer, gunicorn: tuple[str, str]
) -> None:
    url, token = gunicorn

    def ask() -> tuple[int, str]:
        try:
            request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
        except urllib.error.URLError:
            return 0, ""

    eventually(lambda: ask()[0] == 200)
    workers: set[str] = set()
    until = time.monotonic() + 20
    while len(workers) < 2:
        status, answered = ask()
        assert status == 200, answered
        workers.add(answered)
        assert time.monotonic() < until, "only one worker answers"
    issuer.deny(sid=SESSION)
    eventually(lambda: {ask() for _ in range(40)} == {(401, "token_revoked")})
