"""An issuer that is asked over HTTP: metadata, keys, and a denylist with long polls."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tokensmith import Verifier
from tokensmith._jwk import entity_tag
from tokensmith.testing import TestIssuer


class HttpIssuer(TestIssuer):
    """Serves on a port of its own. What it serves may be changed at any time."""

    def __init__(self, alg: str = "ES256") -> None:
        self.changed = threading.Condition()
        self.denied: list[dict[str, Any]] = []
        self.by_kind: list[dict[str, Any]] = []
        self.asked: Counter[str] = Counter()
        #: Path to status: answered with that instead.
        self.broken: dict[str, int] = {}
        self.max_age = 300
        self.has_denylist = True
        self.knows_oauth = True
        self.hears: list[dict[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.port = self.server.server_port
        super().__init__(f"http://127.0.0.1:{self.port}", "https://api.test", alg=alg)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def following(self, **arguments: Any) -> Verifier:
        """A verifier that asks this issuer."""
        return Verifier(self.issuer, self.audience, **arguments)

    def deny(self, **entry: Any) -> None:
        with self.changed:
            self.denied.append({"exp": int(time.time()) + 600, **entry})
            self.changed.notify_all()

    def deny_kind(self, **entry: Any) -> None:
        with self.changed:
            self.by_kind.append({"exp": int(time.time()) + 600, **entry})
            self.changed.notify_all()

    def jwks_text(self) -> str:
        return json.dumps(self.jwks)

    def metadata(self) -> dict[str, str]:
        document = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks"}
        if self.has_denylist:
            document["denylist_uri"] = f"{self.issuer}/denylist"
        return document

    def denylist(self, since: int, wait: float) -> str:
        def count() -> int:
            return len(self.denied) + len(self.by_kind)

        with self.changed:
            self.changed.wait_for(lambda: since < 0 or count() > since, wait)
            now = int(time.time())
            return self.sign(
                "denylist+jwt",
                {
                    "iss": self.issuer, "aud": f"{self.issuer}/.well-known/denylist", "iat": now, "exp": now + 60,
                    "as_of": now, "jwks_etag": entity_tag(self.jwks_text()), "cursor": str(count()), "more": False,
                    "denied": list(self.denied), "denied_by_kind": list(self.by_kind),
                },
            )  # fmt: skip

    def handler(issuer) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                issuer.asked[url.path] += 1
                issuer.hears.append({name.lower(): value for name, value in self.headers.items()})
                if url.path in issuer.broken:
                    self.answer(issuer.broken[url.path], "{}")
                elif url.path == "/.well-known/oauth-authorization-server":
                    self.answer(200 if issuer.knows_oauth else 404, json.dumps(issuer.metadata()))
                elif url.path == "/.well-known/openid-configuration":
                    self.answer(200, json.dumps(issuer.metadata()))
                elif url.path == "/jwks":
                    self.jwks()
                elif url.path == "/denylist":
                    asked = parse_qs(url.query)
                    since = int(asked["since"][0]) if "since" in asked else -1
                    self.answer(200, issuer.denylist(since, float(asked["wait"][0])))
                else:
                    self.answer(404, "{}")

            def jwks(self) -> None:
                etag = entity_tag(issuer.jwks_text())
                headers = {"etag": etag, "cache-control": f"public, max-age={issuer.max_age}"}
                if self.headers["if-none-match"] == etag:
                    self.answer(304, "", headers)
                else:
                    self.answer(200, issuer.jwks_text(), headers)

            def answer(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("content-length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def eventually(is_done: Any, seconds: float = 20) -> None:
    """Waits until this is true."""
    until = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < until, "it does not happen"
        time.sleep(0.01)
