"""The HTTP client for all calls to other servers: with limits of time and size, over TLS except where that is allowed.
Redirects are not followed, and content encodings are not decoded. Only the standard library is used."""

from __future__ import annotations

import base64
import io
import ipaddress
import os
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple, Optional, cast
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

#: Methods that may be sent again if an idle connection turns out to be closed (RFC 9110 section 9.2.2).
_IDEMPOTENT = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}

#: RFC 9110 section 5.5. http.client checks it, too, but its error repeats the value, which may be a token.
_HEADER_VALUE = re.compile("[\t -~\x80-\xff]*")

#: Idle connections that are kept.
_MAX_IDLE = 4


class HttpError(Exception):
    """There is no response, or it is not what was asked for."""


class Limits(NamedTuple):
    """The limits of one call: seconds from the first to the last byte, and the size of the response body."""

    seconds: float
    bytes: int


class _Call(NamedTuple):
    """A request, and until when its response must be there."""

    method: str
    parts: SplitResult
    headers: Mapping[str, str]
    body: Optional[bytes]
    limits: Limits
    deadline: float


@dataclass(frozen=True)
class Answer:
    """A response that was read completely."""

    status: int
    headers: HTTPMessage
    body: bytes

    def text(self) -> str:
        """The body, which must be UTF-8 without a content encoding."""
        # No encoding was requested, and decoding could turn a megabyte into a gigabyte.
        if any(coding.lower() != "identity" for coding in self.headers.get_all("content-encoding", [])):
            raise HttpError("its response has a content encoding")
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise HttpError(f"it does not speak HTTP correctly: {error}") from error


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine itself. RFC 6761 section 6.3: localhost always means that."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def checked_url(url: str, allow_http: bool) -> SplitResult:
    """The parts of a URL that may be called; ValueError says why it may not."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or (parts.port is not None and parts.port == 0):
        raise ValueError(f"{url!r} is not an http:// or https:// URL")
    if parts.scheme == "http" and not (allow_http or is_loopback(parts.hostname)):
        raise ValueError(f"{url!r} is without TLS and not on this machine; see allow_http")
    return parts


class HttpClient:
    """Sends requests; safe to use from several threads, and after a fork."""

    def __init__(self, allow_http: bool = False, root_certificates: str | None = None) -> None:
        self._allow_http = allow_http
        # With certificate authorities of its own it does not trust the machine's.
        if root_certificates == "":
            raise ValueError("the root certificates cannot be used: there is none")
        try:
            self._tls = ssl.create_default_context(cadata=root_certificates)
        except ssl.SSLError as error:
            raise ValueError(f"the root certificates cannot be used: {error}") from error
        self._pid = os.getpid()
        self._idle: list[tuple[tuple[str, str], HTTPConnection]] = []

    def send(self, method: str, url: str, headers: Mapping[str, str], limits: Limits, body: bytes | None = None) -> Answer:
        """Sends a request and reads the response; HttpError says why there is none."""
        try:
            parts = checked_url(url, self._allow_http)
        except ValueError as error:
            raise HttpError(str(error)) from error
        for name, value in headers.items():
            if not _HEADER_VALUE.fullmatch(value):
                raise HttpError(f"the header {name!r} has a character that no header may have")
        call = _Call(method, parts, headers, body, limits, time.monotonic() + limits.seconds)
        try:
            return self._send(call)
        except (TimeoutError, socket.timeout) as error:
            raise HttpError(f"{parts.hostname}: timed out after {limits.seconds:g} s") from error
        except ssl.SSLError as error:
            raise HttpError(f"{parts.hostname}: TLS: {error}") from error
        except HTTPException as error:
            raise HttpError(f"{parts.hostname} does not speak HTTP correctly: {error!r}") from error
        except (OSError, ValueError) as error:
            raise HttpError(f"{parts.hostname}: {error}") from error

    def _send(self, call: _Call) -> Answer:
        idle = self._take(call.parts) if call.method in _IDEMPOTENT else None
        if idle is not None:
            try:
                return self._exchange(idle, call)
            except (ConnectionError, HTTPException):
                pass  # The server has closed the idle connection.
        return self._exchange(self._connect(call.parts, call.deadline), call)

    def _exchange(self, connection: HTTPConnection, call: _Call) -> Answer:
        cast(_TimedSocket, connection.sock).deadline = call.deadline
        is_kept = False
        try:
            parts = call.parts
            target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
            through = getattr(connection, "is_proxied", False)
            target = f"http://{parts.netloc.rpartition('@')[2]}{target}" if through else target
            headers = {**getattr(connection, "proxy_headers", {}), **call.headers}
            connection.request(call.method, target, call.body, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.msg, _read(response, call.limits.bytes))
            is_kept = not response.will_close
            return answer
        finally:
            if is_kept and len(self._idle) < _MAX_IDLE:
                self._idle.append((_origin(call.parts), connection))
            else:
                connection.close()

    def close(self) -> None:
        """Closes idle connections."""
        while self._idle:
            self._idle.pop()[1].close()

    def _take(self, parts: SplitResult) -> HTTPConnection | None:
        """An idle connection to this origin."""
        if self._pid != os.getpid():
            # These belong to the parent process; closing this end of them does not end them.
            self.close()
            self._pid = os.getpid()
        for entry in list(self._idle):
            if entry[0] == _origin(parts):
                try:
                    self._idle.remove(entry)
                except ValueError:
                    continue  # Another thread took it.
                return entry[1]
        return None

    def _connect(self, parts: SplitResult, deadline: float) -> HTTPConnection:
        host = parts.hostname or ""
        is_tls = parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        proxy = _proxy(parts)
        at = (proxy.hostname or "", proxy.port or 80) if proxy else (host, port)
        connection = (
            HTTPSConnection(*at, timeout=_left(deadline), context=self._tls)
            if is_tls
            else HTTPConnection(*at, timeout=_left(deadline))
        )
        if proxy:
            credentials = _proxy_headers(proxy)
            if is_tls:
                connection.set_tunnel(host, port, credentials)
            else:
                vars(connection).update(is_proxied=True, proxy_headers=credentials)
        connection.connect()
        connection.sock = _TimedSocket(connection.sock)
        return connection


class _TimedSocket:
    """A connected socket on which reading and writing together end at a deadline; the timeout of a socket is for
    each single read."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.deadline = 0.0

    def hurry(self) -> None:
        self.sock.settimeout(_left(self.deadline))

    def sendall(self, data: Any) -> None:
        self.hurry()
        self.sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self, self.sock.makefile(mode, buffering=0)))

    def close(self) -> None:
        self.sock.close()


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: _TimedSocket, raw: Any) -> None:
        self._sock, self._raw = sock, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.hurry()
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _read(response: HTTPResponse, max_bytes: int) -> bytes:
    length = response.getheader("content-length")
    if length is not None and (not length.isdigit() or int(length[:20]) > max_bytes) and response.length != 0:
        raise HttpError(f"its response is longer than {max_bytes} bytes")
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise HttpError(f"its response is longer than {max_bytes} bytes")
    if response.length and len(body) <= max_bytes:
        raise HttpError("its response is incomplete")
    return body


def _origin(parts: SplitResult) -> tuple[str, str]:
    return parts.scheme, parts.netloc


def _proxy(parts: SplitResult) -> SplitResult | None:
    """The proxy that the environment names. This machine is never called through one."""
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    url = proxies.get(parts.scheme) or proxies.get("all")
    if not url:
        return None
    proxy = urlsplit(url if "://" in url else "http://" + url)
    if proxy.scheme != "http":
        raise ValueError(f"a proxy by {proxy.scheme} is not supported")
    return proxy


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": "Basic " + base64.b64encode(credentials).decode("ascii")}
