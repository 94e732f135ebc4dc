"""Against the service as it was built: TOKENSMITH is the program. `.ci/python.py` runs this."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from tokensmith import Client, ClientError, SignedOut, TokenError, Verifier
from tokensmith import client as module

from .service import Service, free_port

PROGRAM = os.environ.get("TOKENSMITH")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="TOKENSMITH names no program of the service")

#: How many logouts are timed, and how many refreshes are lost; more in a longer run.
LOGOUTS = int(os.environ.get("LOGOUTS", "20"))
REFRESHES = int(os.environ.get("REFRESHES", "100"))


@pytest.fixture(params=["ES256", "EdDSA", "RS256"])
def each_alg(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    service = Service(PROGRAM or "", tmp_path / "service", SIGNING_ALG=request.param)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(PROGRAM or "", tmp_path_factory.mktemp("service") / "service")
    yield made
    made.stop()


def refusal_of(verifier: Verifier, token: str) -> str:
    try:
        verifier.verify(token)
        return "ok"
    except TokenError as error:
        return error.code


def wait_for(verifier: Verifier, token: str, code: str) -> None:
    begun = time.monotonic()
    while refusal_of(verifier, token) != code:
        assert time.monotonic() - begun < 30, f"it is not {code}"
        time.sleep(0.005)


def test_tokens_of_each_algorithm_are_accepted_and_other_documents_are_not(each_alg: Service) -> None:
    url = each_alg.url
    with Verifier(url, url) as verifier, each_alg.client() as client:
        claims = verifier.verify(client.access_token())
        assert claims.is_logged_in and claims.has_role("admin") and claims.user_id == claims.sub
        assert client.pair is not None
        assert refusal_of(verifier, client.pair["refresh_token"]) == "token_wrong_type"
        denylist = httpx.get(f"{url}/.well-known/denylist").text
        assert refusal_of(verifier, denylist) == "token_wrong_type"
        token = client.access_token()
        client.logout()
        wait_for(verifier, token, "token_revoked")


def test_a_disabled_user_is_refused(service: Service) -> None:
    body = {"username": "bob", "password": "a long and unusual sentence"}
    with Verifier(service.url, service.url) as verifier, service.client() as admin:
        made = admin.request("POST", "/v1/admin/users", json=body)
        assert made.status_code == 201, made.text
        bob = Client(service.url)
        bob.login(**body)
        assert refusal_of(verifier, bob.access_token()) == "ok"
        admin.request("POST", f"/v1/admin/users/{made.json()['id']}/disable").raise_for_status()
        wait_for(verifier, bob.access_token(), "token_revoked")
        with pytest.raises(ClientError) as refused:
            bob.login(**body)
        assert refused.value.code == "account_disabled"


def test_an_api_token_is_exchanged_and_its_revocation_counts(service: Service) -> None:
    with Verifier(service.url, service.url) as verifier, service.client() as admin:
        made = admin.request("POST", "/v1/api-tokens", json={"name": "nightly", "roles": ["admin"]})
        key = next(value for value in made.json().values() if str(value).startswith("tks_"))
        script = Client(service.url, api_token=key)
        claims = verifier.verify(script.access_token())
        assert claims.credential == "api_token" and not claims.is_logged_in and claims.has_role("admin")
        assert script.request("GET", "/v1/me").ok
        old = script.access_token()
        admin.request("POST", "/v1/tokens/revoke", json={"token": key}).raise_for_status()
        wait_for(verifier, old, "token_revoked")
        with pytest.raises(SignedOut) as refused:
            script.request("GET", "/v1/me")
        assert refused.value.code == "api_token_revoked"


def test_an_ended_session_stops_the_client_with_the_reason(service: Service) -> None:
    with service.client() as client, service.client() as other:
        assert other.pair is not None and client.pair is not None
        other.request("DELETE", f"/v1/sessions/{client.pair['session_id']}").raise_for_status()
        with pytest.raises(SignedOut) as refused:
            for _ in range(100):
                client.request("GET", "/v1/me")
                time.sleep(0.02)
        assert refused.value.code == "session_ended"


def test_after_a_restart_of_the_issuer_all_goes_on(tmp_path: Path) -> None:
    service = Service(PROGRAM or "", tmp_path / "service")
    with Verifier(service.url, service.url) as verifier, service.client() as client:
        token = client.access_token()
        assert refusal_of(verifier, token) == "ok"
        service.stop()
        assert refusal_of(verifier, token) == "ok", "keys and denylist stay in force"
        time.sleep(1.5)
        service.start()
        client.logout()
        wait_for(verifier, token, "token_revoked")
    service.stop()


def test_a_rotated_key_is_known_before_or_with_its_first_token(service: Service) -> None:
    with Verifier(service.url, service.url, cooldown=3600) as verifier, service.client() as client:
        assert refusal_of(verifier, client.access_token()) == "ok"
        client.request("POST", "/v1/admin/keys/rotate", json={}).raise_for_status()
        client.request("POST", "/v1/admin/keys/rotate", json={"emergency": True})
        fresh = Client(service.url)
        fresh.login("admin", service.password)
        assert refusal_of(verifier, fresh.access_token()) == "ok"


class GitHub(BaseHTTPRequestHandler):
    """What GitHub answers once its user has agreed."""

    ANSWERS: ClassVar[dict[str, Any]] = {
        "/login/oauth/access_token": {"access_token": "gho_1", "token_type": "bearer"},
        "/api/v3/user": {"id": 583231, "login": "octocat", "name": "The Octocat"},
        "/api/v3/user/emails": [],
    }

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.ANSWERS[self.path]).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


def test_a_token_of_a_login_at_a_provider_says_where_that_was(tmp_path: Path) -> None:
    github = ThreadingHTTPServer(("127.0.0.1", 0), GitHub)
    threading.Thread(target=github.serve_forever, daemon=True).start()
    (tmp_path / "mails").mkdir()
    (tmp_path / "secret").write_text("secret")
    mail = {"MAIL_URL": f"file://{tmp_path}/mails", "MAIL_FROM": "id@example.com"}
    service = Service(PROGRAM or "", tmp_path / "service", REGISTRATION="open", OUTBOUND_ALLOW="127.0.0.1", **mail)
    command = [service.program, "providers", "create", "github", "--preset", "github", "--client-id", "tokensmith"]
    command += ["--issuer", f"http://127.0.0.1:{github.server_port}", "--client-secret-file", f"{tmp_path}/secret"]
    subprocess.run(command, env=service.env, check=True)
    headers = {"origin": service.url}
    with Verifier(service.url, service.url) as verifier, httpx.Client(base_url=service.url, headers=headers) as browser:
        redirect = httpx.URL(browser.get("/login/github").headers["location"])
        browser.get("/login/callback/github", params={"state": redirect.params["state"], "code": "1"}).raise_for_status()
        opened = browser.post("/registration/provider", data={"username": "octocat"})
        assert opened.status_code == 303, opened.text
        claims = verifier.verify(browser.cookies["ts_access"])
        assert claims.idp == claims.payload["idp"] == "github" and claims.amr == () and claims.is_logged_in
        with service.client() as client:
            assert verifier.verify(client.access_token()).idp is None
    service.stop()
    github.shutdown()


class LossyProxy:
    """Loses every third answer: the request arrives, the answer does not."""

    def __init__(self, target: str) -> None:
        lost = random.Random(7)
        proxy = self
        self.lost = 0

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"] or 0))
                headers = {"content-type": "application/json"}
                answer = httpx.post(target + self.path, content=body, headers=headers, timeout=20)
                if self.path == "/v1/tokens/refresh" and lost.random() < 1 / 3:
                    proxy.lost += 1
                    return
                self.send_response(answer.status_code)
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def test_clients_that_lose_answers_stay_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight clients, each with four threads; a third of all answers to refreshes is lost."""
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.4)
    for name in ("expires_in", "refresh_after"):
        monkeypatch.setattr(module._Held, name, 0)  # It is always time to refresh.
    times = {"ACCESS_TOKEN_LIFETIME": "90s", "REFRESH_SETTLE_WINDOW": "1s", "REFRESH_RETRY_WINDOW": "60s"}
    service = Service(PROGRAM or "", tmp_path / "service", **times)
    proxy = LossyProxy(service.url)
    clients = [Client(proxy.url) for _ in range(8)]
    errors: list[BaseException] = []
    generations = [1] * len(clients)

    def use(number: int) -> None:
        try:
            while sum(generations) < REFRESHES + len(clients) and not errors:
                clients[number].access_token()
                pair = clients[number].pair
                assert pair is not None
                generations[number] = max(generations[number], pair["refresh_generation"])
                time.sleep(random.uniform(0, 0.5))
        except BaseException as error:
            errors.append(error)

    for client in clients:
        client.login("admin", service.password)
    threads = [threading.Thread(target=use, args=(number,)) for number in range(len(clients)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    proxy.server.shutdown()
    service.stop()
    assert not errors
    print(f"{sum(generations) - len(clients)} rotations, {proxy.lost} lost answers, no one was logged out")
    assert proxy.lost > REFRESHES / 6


FASTAPI = """
from fastapi import FastAPI
from tokensmith.fastapi import Token, setup

app = FastAPI()
setup(app, {issuer!r})

@app.get("/notes")
async def notes(token: Token) -> dict:
    return {{"owner": token.sub}}
"""


@pytest.fixture
def fastapi_service(service: Service, tmp_path: Path) -> Iterator[str]:
    (tmp_path / "notes.py").write_text(FASTAPI.format(issuer=service.url))
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "notes:app", "--port", str(port), "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=tmp_path)
    yield f"http://127.0.0.1:{port}/notes"
    process.terminate()
    process.wait(30)


def test_from_a_logout_to_the_refusal_at_a_fastapi_service(service: Service, fastapi_service: str) -> None:
    times = []
    transport = httpx.HTTPTransport(retries=20)
    with httpx.Client(transport=transport) as user:
        for _ in range(LOGOUTS):
            client = service.client()
            headers = {"authorization": f"Bearer {client.access_token()}"}
            for _ in range(100):
                try:
                    assert user.get(fastapi_service, headers=headers).status_code == 200
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            time.sleep(random.uniform(0, 1))
            client.logout()
            ended = time.monotonic()
            while user.get(fastapi_service, headers=headers).status_code == 200:
                assert time.monotonic() - ended < 30
                time.sleep(0.002)
            times.append(time.monotonic() - ended)
    times.sort()
    p50, p99 = (times[min(int(len(times) * part), len(times) - 1)] for part in (0.5, 0.99))
    print(f"from logout to refusal, {len(times)} times: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms")
    # One may be late: the machine itself may have stood still.
    assert times[-2] <= 2


SIMPLEJWT = """
import json, sys
import django
from django.conf import settings
settings.configure(
    ALLOWED_HOSTS=["*"], SECRET_KEY="x" * 50,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    REST_FRAMEWORK={{"DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"]}},
    SIMPLE_JWT={{
        "ALGORITHM": {alg!r}, "JWK_URL": {issuer!r} + "/.well-known/jwks.json", "ISSUER": {issuer!r},
        "AUDIENCE": {issuer!r}, "USER_ID_CLAIM": "sub", "TOKEN_TYPE_CLAIM": None,
    }},
)
django.setup()
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

class Notes(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({{"owner": request.user.id}})

for token in sys.argv[1:]:
    answer = Notes.as_view()(APIRequestFactory().get("/notes", HTTP_AUTHORIZATION="Bearer " + token))
    print(json.dumps([answer.status_code, answer.data.get("owner")]))
"""


def test_simplejwt_itself_accepts_our_tokens_by_settings_alone(each_alg: Service) -> None:
    with each_alg.client() as client:
        pair = client.pair
        assert pair is not None
        header, payload, signature = pair["access_token"].split(".")
        forged = f"{header}.{payload}.{('A' if signature[0] != 'A' else 'B') + signature[1:]}"
        source = SIMPLEJWT.format(issuer=each_alg.url, alg=each_alg.env["SIGNING_ALG"])
        command = [sys.executable, "-c", source, pair["access_token"], pair["refresh_token"], forged]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert answers == [[200, pair["user"]["id"]], [401, None], [401, None]], done.stderr
