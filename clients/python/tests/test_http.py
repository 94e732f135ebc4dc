"""Servers that redirect, that respond with too much or too slowly, or whose certificates are not trusted."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tokensmith._http import HttpClient, HttpError, Limits, checked_url

PATIENT = Limits(20, 1024)
HURRIED = Limits(0.3, 1024 * 1024)


class Raw:
    """A server that answers each connection with a function."""

    def __init__(self, answer: Callable[[socket.socket], object], tls: ssl.SSLContext | None = None) -> None:
        self.answer, self.tls = answer, tls
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://localhost:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        try:
            with self.tls.wrap_socket(connection, server_side=True) if self.tls else connection as stream:
                self.answer(stream)
        except OSError:
            pass


def read_head(stream: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = stream.recv(1)
        if not byte:
            break
        head += byte
    return head


@pytest.fixture
def serve() -> Iterator[Callable[..., Raw]]:
    servers: list[Raw] = []

    def start(answer: bytes | Callable[[socket.socket], object], tls: ssl.SSLContext | None = None) -> Raw:
        def text(stream: socket.socket) -> None:
            read_head(stream)
            stream.sendall(answer)  # type: ignore[arg-type]

        servers.append(Raw(text if isinstance(answer, bytes) else answer, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.listener.close()


def get(url: str, limits: Limits = PATIENT, **arguments: Any) -> Any:
    return HttpClient(**arguments).send("GET", url, {}, limits)


def head(status: int = 200, **headers: Any) -> bytes:
    lines = [f"HTTP/1.1 {status} x", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_response_is_read_however_its_length_is_told(serve: Any) -> None:
    for response in (
        head(content_length=4) + b"body",
        head(transfer_encoding="chunked") + b"4\r\nbody\r\n0\r\n\r\n",
        head(connection="close") + b"body",
    ):
        assert get(serve(response).url).text() == "body"


def test_a_redirect_is_an_answer_like_any_other(serve: Any) -> None:
    server = serve(head(302, location="http://127.0.0.1:1/", content_length=0))
    assert get(server.url).status == 302
    assert server.connections == 1


def test_a_response_that_is_too_large_is_not_read_to_its_end(serve: Any) -> None:
    sent = []

    def flood(prefix: bytes, unit: bytes) -> Callable[[socket.socket], None]:
        def answer(stream: socket.socket) -> None:
            read_head(stream)
            stream.sendall(prefix)
            block, count = unit * 4096, 0
            try:
                while count < 2**30:
                    stream.sendall(block)
                    count += len(block)
            finally:
                sent.append(count)

        return answer

    for prefix, unit in [
        (head(content_length=2**40), b"x"),
        (head(connection="close"), b"x"),
        (head(transfer_encoding="chunked"), b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nx-first: ", b"x-more: and more\r\n"),
        (b"HTTP/1.1 200 OK\r\nx-first: ", b"x-long-without-end"),
    ]:
        with pytest.raises(HttpError):
            get(serve(flood(prefix, unit)).url)
    until = time.monotonic() + 10
    while len(sent) < 5:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert max(sent) < 2**26


def test_as_many_bytes_as_allowed_and_not_one_more(serve: Any) -> None:
    assert len(get(serve(head(content_length=1024) + b"x" * 1024).url).body) == 1024
    for response in (head(content_length=1025) + b"x" * 1025, head(connection="close") + b"x" * 1025):
        with pytest.raises(HttpError, match="longer than 1024"):
            get(serve(response).url)


def test_a_response_that_ends_too_early_is_none(serve: Any) -> None:
    for response in (b"", b"garbage\r\n\r\n", head(content_length=10) + b"four"):
        with pytest.raises(HttpError):
            get(serve(response).url)
    with pytest.raises(HttpError, match="refused"):
        get("http://127.0.0.1:1/")


def test_an_encoded_or_foreign_text_is_refused(serve: Any) -> None:
    with pytest.raises(HttpError, match="content encoding"):
        get(serve(head(content_encoding="gzip", content_length=4) + b"bomb").url).text()
    with pytest.raises(HttpError):
        get(serve(head(content_length=1) + b"\xff").url).text()


def test_a_slow_server_has_no_more_than_the_whole_time(serve: Any) -> None:
    def silent(stream: socket.socket) -> None:
        read_head(stream)
        time.sleep(2)

    def trickle(start: bytes) -> Callable[[socket.socket], None]:
        def answer(stream: socket.socket) -> None:
            read_head(stream)
            for byte in start + b"x" * 10_000:
                stream.sendall(bytes([byte]))
                time.sleep(0.02)

        return answer

    for answer in (
        silent,
        trickle(b"HTTP/1.1 200 OK\r\nx-first: "),
        trickle(head(content_length=5000)),
        trickle(b""),
    ):
        begun = time.monotonic()
        with pytest.raises(HttpError, match="timed out"):
            get(serve(answer).url, HURRIED)
        assert time.monotonic() - begun < 5


def test_a_connection_is_used_again_and_replaced_when_the_server_has_closed_it(serve: Any) -> None:
    def twice(stream: socket.socket) -> None:
        for _ in range(2):
            if read_head(stream):
                stream.sendall(head(content_length=2) + b"ok")

    server = serve(twice)
    client = HttpClient()
    for _ in range(4):
        assert client.send("GET", server.url, {}, PATIENT).body == b"ok"
    assert server.connections == 2
    assert client.send("POST", server.url, {}, PATIENT, b"{}").body == b"ok"
    assert server.connections == 3, "what is not idempotent gets a connection of its own"


def test_a_child_does_not_use_the_connections_of_its_parent(serve: Any) -> None:
    def answer(stream: socket.socket) -> None:
        while read_head(stream):
            stream.sendall(head(content_length=2) + b"ok")

    server = serve(answer)
    client = HttpClient()
    client.send("GET", server.url, {}, PATIENT)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if client.send("GET", server.url, {}, PATIENT).body == b"ok" else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert server.connections == 2
    client.send("GET", server.url, {}, PATIENT)
    assert server.connections == 2


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("https://id.example.com", True),
        ("HTTPS://id.example.com/auth", True),
        ("http://127.0.0.1:8080", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:8080/auth", True),
        ("http://LocalHost", True),
        ("http://id.example.com", False),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost@example.com", False),
        ("http://0.0.0.0", False),
        ("http://10.0.0.1", False),
        ("ftp://127.0.0.1", False),
        ("file:///etc/passwd", False),
        ("http://", False),
        ("https:///keys", False),
        ("https://id.example.com:99999", False),
        ("id.example.com", False),
        ("", False),
    ],
)
def test_only_this_machine_is_asked_without_tls(url: str, is_allowed: bool) -> None:
    if is_allowed:
        checked_url(url, allow_http=False)
    else:
        with pytest.raises(ValueError):
            checked_url(url, allow_http=False)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, ssl.SSLContext]:
    """An authority of localhost in PEM, and what a server with its certificate uses."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )  # fmt: skip
    pem = made.public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "both.pem").write_bytes(secret + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    return pem.decode(), context


def test_a_certificate_counts_only_if_its_authority_is_trusted(serve: Any, certificate: tuple[str, ssl.SSLContext]) -> None:
    pem, context = certificate
    server = serve(head(content_length=2) + b"ok", context)
    assert get(server.url, root_certificates=pem).body == b"ok"
    with pytest.raises(HttpError, match="TLS"):
        get(server.url)
    with pytest.raises(HttpError, match="TLS"):
        get(server.url.replace("localhost", "127.0.0.1"), root_certificates=pem)


def test_a_proxy_is_used_for_other_machines_and_not_for_this_one(
    serve: Any, monkeypatch: pytest.MonkeyPatch, certificate: tuple[str, ssl.SSLContext]
) -> None:
    heard: list[bytes] = []
    pem, context = certificate

    def proxy(stream: socket.socket) -> None:
        asked = read_head(stream)
        heard.append(asked)
        if asked.startswith(b"CONNECT"):
            stream.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with context.wrap_socket(stream, server_side=True) as inner:
                read_head(inner)
                inner.sendall(head(content_length=6) + b"tunnel")
        else:
            stream.sendall(head(content_length=5) + b"proxy")

    through = serve(proxy).url.replace("http://", "http://ada:secret@")
    direct = serve(head(content_length=6) + b"direct")
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, through)
    monkeypatch.setenv("no_proxy", "")
    assert get("http://notes.test/a?b=c", allow_http=True).body == b"proxy"
    assert heard[-1].startswith(b"GET http://notes.test/a?b=c HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic YWRhOnNlY3JldA==" in heard[-1]
    assert get(direct.url).body == b"direct"
    # The name in the certificate is localhost, so this fails after the tunnel was made.
    with pytest.raises(HttpError, match="TLS"):
        get("https://notes.test/", root_certificates=pem)
    assert heard[-1].startswith(b"CONNECT notes.test:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic YWRhOnNlY3JldA==" in heard[-1]
