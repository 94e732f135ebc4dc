"""The client for scripts, and an issuer that loses answers, is busy, or refuses."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable

import pytest

from tokensmith import Client, ClientError, SignedOut, Unavailable
from tokensmith import client as module

Answer = tuple[int, Any]

#: What a login with a password needs next; some of it is of a later version.
STEP = {"challenge": "c1", "methods": ["otp", "passkey"]}


class Pairs:
    """Issues pairs of one session. `script` holds what to do with the next refreshes instead."""

    def __init__(self) -> None:
        self.generation = 0
        self.asked: list[tuple[str, Any, str | None]] = []
        self.script: list[Callable[[], Answer | None]] = []
        self.lifetime = {"expires_in": 300, "refresh_after": 200}
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def pair(self) -> Answer:
        """The next generation."""
        self.generation += 1
        return 200, self.current()

    def current(self) -> dict[str, Any]:
        number = self.generation
        return {
            "access_token": f"access{number}", "refresh_token": f"refresh{number}", "refresh_generation": number,
            "session_id": "s", "token_type": "Bearer", **self.lifetime,
        }  # fmt: skip

    def lose(self) -> None:
        """Rotates, and the answer is lost."""
        self.pair()

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    def refreshed_with(self) -> list[str]:
        return [body["refresh_token"] for path, body, _ in self.asked if path == "/v1/tokens/refresh"]

    def answer(self, path: str, body: Any, authorization: str | None) -> Answer | None:
        with self.lock:
            self.asked.append((path, body, authorization))
            if path == "/v1/tokens/continue":
                if body != {"challenge": "c1", "otp": "123456"}:
                    return 401, {"code": "wrong_otp", "detail": "the code is wrong"}
                return self.pair()
            if path == "/v1/tokens":
                if body["username"] == "careful":
                    return 401, {"code": "second_factor_required", "detail": "a code is needed", **STEP}
                if body["password"] != "right":
                    return 401, {"code": "bad_credentials", "detail": "username or password is wrong"}
                return self.pair()
            if path in ("/v1/tokens/refresh", "/v1/api-tokens/exchange"):
                if self.script:
                    return self.script.pop(0)()
                if path == "/v1/api-tokens/exchange":
                    self.generation += 1
                    return 200, {"access_token": f"access{self.generation}", "expires_in": self.lifetime["expires_in"]}
                is_retry = body["refresh_token"] == f"refresh{self.generation - 1}"
                return (200, self.current()) if is_retry else self.pair()
            if path == "/v1/tokens/revoke":
                return 204, None
            is_good = authorization == f"Bearer access{self.generation}"
            return (200, {"path": path, "body": body}) if is_good else (401, {"code": "token_revoked"})

    def handler(pairs) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers["content-length"] or 0)
                body = json.loads(self.rfile.read(length) or "null")
                answer = pairs.answer(self.path, body, self.headers["authorization"])
                if answer is None:
                    return  # The connection is closed without an answer.
                status, document = answer
                self.send_response(status)
                if status == 401:
                    self.send_header("www-authenticate", 'Bearer realm="x", error="invalid_token"')
                if status == 503:
                    self.send_header("retry-after", "0")
                self.end_headers()
                if document is not None:
                    self.wfile.write(json.dumps(document).encode())

            do_POST = do_PATCH = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pairs]:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    made = Pairs()
    yield made
    made.server.shutdown()
    made.server.server_close()


def logged_in(pairs: Pairs) -> Client:
    client = Client(pairs.url)
    client.login("ada", "right")
    return client


def expire(pairs: Pairs) -> None:
    """Pairs from now on have to be refreshed at once."""
    pairs.lifetime = {"expires_in": 0, "refresh_after": 0}


def test_requests_carry_the_access_token(pairs: Pairs) -> None:
    with logged_in(pairs) as client:
        response = client.request("post", "/notes", json={"a": 1}, params={"b": "c d"})
        assert (response.status_code, response.ok) == (200, True)
        assert response.json() == {"path": "/notes?b=c+d", "body": {"a": 1}}
        assert client.request("GET", f"{pairs.url}/other").json()["path"] == "/other"
        response.raise_for_status()
    assert pairs.paths() == ["/v1/tokens", "/notes?b=c+d", "/other"]


def test_only_the_issuer_and_services_that_are_named_get_the_token(pairs: Pairs) -> None:
    other = Pairs()
    client = Client(pairs.url, services=[f"{other.url}/api", "https://notes.example.com"])
    client.login("ada", "right")
    other.pair()
    assert client.request("GET", f"{other.url}/notes").ok
    assert other.asked == [("/notes", None, "Bearer access1")]
    with pytest.raises(Unavailable):
        client.request("GET", "https://NOTES.example.com:443/", timeout=0.01)
    strangers = [
        "https://notes.example.com:8443/", "http://notes.example.com/", "https://notes.example.com@127.0.0.1/",
        "https://notes.example.com.evil.example/", pairs.url.replace("127.0.0.1", "localhost"), "notes", "",
    ]  # fmt: skip
    for url in strangers:
        with pytest.raises(ValueError, match="gets no access token"):
            client.request("GET", url)
    assert client.request("GET", "//evil.example/").json()["path"].endswith("/evil.example/")
    with pytest.raises(ValueError, match="list"):
        Client(pairs.url, services="https://notes.example.com")
    with pytest.raises(ValueError, match="not an http"):
        Client(pairs.url, services=["notes.example.com"])
    other.server.shutdown()
    other.server.server_close()


def test_a_header_is_sent_once_however_it_is_written(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    client = logged_in(pairs)
    sent: list[str] = []
    put = HTTPConnection.putheader

    def putheader(connection: HTTPConnection, name: str, *values: str) -> None:
        sent.append(name.lower())
        put(connection, name, *values)

    monkeypatch.setattr(HTTPConnection, "putheader", putheader)
    headers = {"authorization": "Bearer mine", "content-type": "application/merge-patch+json", "user-agent": "mine"}
    assert client.request("PATCH", "/notes", json={}, headers=headers).ok
    assert sorted(set(sent)) == sorted(sent)


def test_a_login_that_is_refused_says_why(pairs: Pairs) -> None:
    client = Client(pairs.url)
    with pytest.raises(ClientError) as refused:
        client.login("ada", "wrong")
    assert (refused.value.code, refused.value.status) == ("bad_credentials", 401)
    with pytest.raises(ClientError, match="not_logged_in"):
        client.request("GET", "/notes")


def test_a_login_goes_on_with_the_code_of_a_second_factor(pairs: Pairs) -> None:
    client = Client(pairs.url)
    for code, refusal in ((None, "second_factor_required"), ("000000", "wrong_otp")):
        with pytest.raises(ClientError) as refused:
            client.login("careful", "right", otp=code)
        assert refused.value.code == refusal
        expected = ("c1", ("otp", "passkey")) if code is None else (None, ())
        assert (refused.value.challenge, refused.value.methods) == expected
    client.login("careful", "right", otp="123456")
    assert client.request("GET", "/notes").ok


def test_a_pair_is_refreshed_when_it_is_time(pairs: Pairs) -> None:
    pairs.lifetime = {"expires_in": 300, "refresh_after": 0}
    client = logged_in(pairs)
    pairs.lifetime = {"expires_in": 300, "refresh_after": 200}
    assert [client.access_token() for _ in range(3)] == ["access2"] * 3
    assert pairs.refreshed_with() == ["refresh1"]


def test_a_refresh_without_an_answer_is_retried_with_the_same_token(pairs: Pairs) -> None:
    expire(pairs)
    client = logged_in(pairs)
    pairs.script = [pairs.lose, lambda: (503, {}), lambda: (429, {}), lambda: (408, {})]
    pairs.lifetime = {"expires_in": 300, "refresh_after": 200}
    assert client.access_token() == "access2"
    assert pairs.refreshed_with() == ["refresh1"] * 5


def test_while_the_access_token_is_valid_a_busy_issuer_keeps_no_request_waiting(pairs: Pairs) -> None:
    pairs.lifetime = {"expires_in": 300, "refresh_after": 0}
    client = logged_in(pairs)
    pairs.script = [lambda: (503, {})]
    assert [client.access_token() for _ in range(5)] == ["access1"] * 5
    assert len(pairs.refreshed_with()) == 1, "not with every request"


def test_a_lost_answer_is_asked_for_at_once_since_later_the_old_token_would_count_as_stolen(pairs: Pairs) -> None:
    pairs.lifetime = {"expires_in": 300, "refresh_after": 0}
    client = logged_in(pairs)
    pairs.script = [pairs.lose, lambda: (502, {})]
    pairs.lifetime = {"expires_in": 300, "refresh_after": 200}
    assert client.access_token() == "access2"
    assert pairs.refreshed_with() == ["refresh1"] * 3


def test_an_issuer_that_never_answers_keeps_no_request_waiting_for_long(pairs: Pairs) -> None:
    pairs.lifetime = {"expires_in": 300, "refresh_after": 0}
    client = logged_in(pairs)
    pairs.script = [lambda: None] * 9
    assert [client.access_token() for _ in range(5)] == ["access1"] * 5
    assert len(pairs.refreshed_with()) == module.TRIES


def test_a_token_that_expires_during_a_refresh_is_not_handed_out(pairs: Pairs) -> None:
    pairs.lifetime = {"expires_in": 1, "refresh_after": 0}
    client = logged_in(pairs)
    pairs.script = [lambda: time.sleep(0.4)] * module.TRIES
    pairs.lifetime = {"expires_in": 300, "refresh_after": 200}
    assert client.access_token() == "access2"


def test_an_answer_of_a_proxy_does_not_end_the_session(pairs: Pairs) -> None:
    expire(pairs)
    client = logged_in(pairs)
    pairs.script = [lambda: (404, None), lambda: (403, {"message": "no such route"})]
    pairs.lifetime = {"expires_in": 300, "refresh_after": 200}
    assert client.access_token() == "access2"


def test_it_gives_up_after_some_time_and_can_try_again(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    expire(pairs)
    client = logged_in(pairs)
    pairs.script = [lambda: None] * 4
    with pytest.raises(Unavailable) as gone:
        client.access_token()
    assert gone.value.code == "no_response"
    pairs.script = []
    pairs.lifetime = {"expires_in": 300, "refresh_after": 200}
    assert client.access_token() == "access2"


def test_after_a_refusal_nothing_more_is_sent_until_the_next_login(pairs: Pairs) -> None:
    expire(pairs)
    client = logged_in(pairs)
    pairs.script = [lambda: (401, {"code": "session_ended", "detail": "the session has ended"})]
    for _ in range(65):
        with pytest.raises(SignedOut) as refused:
            client.request("GET", "/notes")
        assert refused.value.code == "session_ended"
        assert len(traceback.extract_tb(refused.value.__traceback__)) < 10, "it does not grow with each call"
    assert len(pairs.refreshed_with()) == 1 and client.pair is None
    client.login("ada", "right")
    assert client.request("GET", "/notes").ok


def test_many_threads_refresh_once(pairs: Pairs) -> None:
    expire(pairs)
    client = logged_in(pairs)

    def slowly() -> Answer:
        time.sleep(0.1)
        pairs.lifetime = {"expires_in": 300, "refresh_after": 200}
        return pairs.pair()

    pairs.script = [slowly]
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(client.access_token())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["access2"] * 20 and len(pairs.refreshed_with()) == 1


def test_a_token_that_a_service_refuses_is_replaced_once(pairs: Pairs) -> None:
    client = logged_in(pairs)
    pairs.generation += 1  # What is held is no longer accepted.
    assert client.request("GET", "/notes").json()["path"] == "/notes"
    pairs.script = [lambda: (200, {**pairs.current(), "access_token": "bad"})] * 2
    pairs.generation += 1
    assert client.request("GET", "/notes").status_code == 401
    assert pairs.paths().count("/notes") == 4


def test_a_restored_pair_is_refreshed_before_it_is_used(pairs: Pairs) -> None:
    saved = json.dumps(dict(logged_in(pairs).pair or {}))
    client = Client(pairs.url)
    client.restore(json.loads(saved))
    assert client.request("GET", "/notes").ok
    assert pairs.refreshed_with() == ["refresh1"] and client.pair is not None
    newer = client.pair
    client.restore(json.loads(saved))
    assert client.pair == newer, "of two pairs the one with the higher generation is kept"


def test_a_wrong_clock_or_sleep_makes_a_pair_old(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    client = logged_in(pairs)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 1_000_000)
    assert client.access_token() == "access1", "a clock that is set back changes nothing"
    monkeypatch.setattr(time, "time", lambda: now + 250)
    assert client.access_token() == "access2", "after a sleep it is refreshed"


def test_logout_revokes_the_session(pairs: Pairs) -> None:
    client = logged_in(pairs)
    client.logout()
    assert pairs.asked[-1][:2] == ("/v1/tokens/revoke", {"token": "refresh1"})
    with pytest.raises(ClientError, match="not_logged_in"):
        client.access_token()


def test_an_api_token_is_exchanged_once_until_it_is_time(pairs: Pairs) -> None:
    client = Client(pairs.url, api_token="tks_x", audience="notes")
    assert [client.access_token() for _ in range(3)] == ["access1"] * 3
    assert pairs.asked == [("/v1/api-tokens/exchange", {"audience": "notes"}, "Token tks_x")]
    expire(pairs)
    client = Client(pairs.url, api_token="tks_x")
    assert client.access_token() != client.access_token()
    pairs.script = [lambda: (401, {"code": "api_token_revoked"})]
    for _ in range(3):
        with pytest.raises(SignedOut, match="api_token_revoked"):
            client.access_token()
    assert pairs.script == []


def test_tokens_do_not_get_into_texts(pairs: Pairs) -> None:
    secret = f"tks_{id(pairs)}"
    with pytest.raises(ValueError) as refused:
        Client(pairs.url, api_token=f"{secret}\n")
    assert secret not in str(refused.value)
    client = logged_in(pairs)
    with pytest.raises(Unavailable) as unsent:
        client.request("GET", "/notes", headers={"x-key": f"{secret}\n"})
    assert secret not in "".join(traceback.format_exception(None, unsent.value, unsent.value.__traceback__))
    assert "access1" not in repr(client._held)


def test_passwords_are_not_sent_without_tls() -> None:
    with pytest.raises(ValueError):
        Client("http://id.example.com")
    client = Client("https://127.0.0.1:1")
    with pytest.raises(Unavailable):
        client.login("ada", "right")


def test_an_access_token_is_not_sent_without_tls(pairs: Pairs) -> None:
    with pytest.raises(ValueError, match="without TLS"):
        Client(pairs.url, services=["http://notes.example.com/"])
