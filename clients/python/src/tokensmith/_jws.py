"""The only code that verifies a signed document of any kind."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import Any

from jwt import get_algorithm_by_name

from ._json import decode_base64url, read_object
from ._jwk import KEY_TYPES, Keys, algorithm
from .errors import TokenError

#: The clocks of two machines may differ by this many seconds.
MAX_CLOCK_SKEW = 60

#: What Unicode calls white space; `str.strip` also takes away some control characters.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004"
    "\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)

#: RFC 7515 section 4.1.11: an extension that is critical and not understood must be refused, and we understand none.
#: Nothing that the issuer signs is compressed, encrypted or nested.
_REFUSED_MEMBERS = ("crit", "b64", "zip", "enc", "cty")

_ALGORITHMS = {name: get_algorithm_by_name(name) for name in KEY_TYPES}

#: OpenSSL has locks of its own. A process that is forked while another thread holds one would wait for it for ever, so no
#: fork happens while a signature is verified.
_verifying = threading.Lock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_verifying.acquire, after_in_parent=_verifying.release, after_in_child=_verifying.release)


@dataclass(frozen=True)
class DocumentKind:
    """The type and the largest size in bytes of a kind of document."""

    typ: str
    max_bytes: int


#: RFC 9068 section 2.1.
ACCESS_TOKEN = DocumentKind("at+jwt", 16 * 1024)
DENYLIST = DocumentKind("denylist+jwt", 16 * 1024 * 1024)


def trimmed(kind: DocumentKind, token: str) -> str:
    """A document without white space around it; one that is too long is refused unread."""
    token = token.strip(WHITE_SPACE)
    if len(token) > kind.max_bytes or len(token.encode("utf-8", "surrogatepass")) > kind.max_bytes:
        raise TokenError("token_malformed")
    return token


def authentic_payload(kind: DocumentKind, token: str, keys: Keys) -> dict[str, Any]:
    """The payload of a document of this kind: form, type, key, algorithm and signature are checked, in this order.

    `jku`, `x5u`, `jwk` and `x5c` are never followed: keys only come from `keys` (RFC 8725 section 3.10).
    """
    parts = trimmed(kind, token).split(".")
    # RFC 7515 section 7.1: three parts; one of five is encrypted.
    if len(parts) != 3:
        raise TokenError("token_malformed")
    header, payload, signature = parts
    alg, kid = _read_header(kind, header)
    of_kid = keys.get(kid) if kid is not None else None
    if of_kid is None:
        raise TokenError("token_unknown_key")
    # RFC 8725 section 3.1: the key decides the algorithm; the token only repeats it.
    alg = algorithm(alg)
    key = of_kid.get(alg)
    if key is None:
        raise TokenError("token_wrong_algorithm")
    try:
        with _verifying:
            is_good = _ALGORITHMS[alg].verify(f"{header}.{payload}".encode(), key, decode_base64url(signature))
    except ValueError:
        is_good = False
    if not is_good:
        raise TokenError("token_bad_signature")
    return _decode(payload)


def check(payload: Any, issuer: str, audiences: tuple[str, ...], valid_from: int, leeway: int, now: int) -> None:
    """Issuer, audience and time of a document whose signature is verified: `iss`, `aud` and `exp` of `payload`."""
    if payload.iss != issuer:
        raise TokenError("token_wrong_issuer")
    # RFC 7519 section 4.1.3: a recipient that is not among them must refuse it.
    if not any(audience in payload.aud for audience in audiences):
        raise TokenError("token_wrong_audience")
    if valid_from > now + MAX_CLOCK_SKEW:
        raise TokenError("token_not_yet_valid")
    # RFC 7519 section 4.1.4: "on or after" the expiration time it must not be accepted.
    if now >= payload.exp + leeway:
        raise TokenError("token_expired")


def _read_header(kind: DocumentKind, part: str) -> tuple[str, str | None]:
    """Algorithm and key that the header names."""
    header = _decode(part)
    alg = header.get("alg")
    if not isinstance(alg, str) or any(name in header and not isinstance(header[name], str) for name in ("typ", "kid")):
        raise TokenError("token_malformed")
    if any(name in header for name in _REFUSED_MEMBERS):
        raise TokenError("token_malformed")
    # RFC 9068 section 4: the type must be at+jwt or application/at+jwt; media types compare without case.
    typ = header.get("typ", "")
    prefix = "application/"
    typ = typ.lower() if typ.isascii() else typ
    if (typ[len(prefix) :] if typ.startswith(prefix) else typ) != kind.typ:
        raise TokenError("token_wrong_type")
    return alg, header.get("kid")


def _decode(part: str) -> dict[str, Any]:
    """Decodes strictly: no padding, no trailing data, and a valid object."""
    try:
        return read_object(decode_base64url(part))
    except ValueError as error:
        raise TokenError("token_malformed") from error
