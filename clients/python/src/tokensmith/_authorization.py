"""The `Authorization` header of a request (RFC 6750 section 2.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ._jws import WHITE_SPACE
from .errors import TokenError

_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/=]+")
_SEPARATOR = re.compile("[ \t]")


def bearer_token(authorization: str | Sequence[str] | None) -> str:
    """The token of the one `Authorization` header. Another scheme is no attempt at all (RFC 6750 section 3.1)."""
    values = [authorization] if isinstance(authorization, str) else list(authorization or [])
    if not values:
        raise TokenError("access_token_missing")
    if len(values) > 1:
        raise TokenError("invalid_request", detail="there is more than one Authorization header")
    value = values[0]
    if not all(" " <= character <= "~" or character == "\t" for character in value):
        raise TokenError("invalid_request", detail="the Authorization header is not ASCII")
    scheme, *token = _SEPARATOR.split(value.strip(WHITE_SPACE), maxsplit=1)
    if scheme.lower() != "bearer":
        raise TokenError("access_token_missing")
    return token[0].strip(WHITE_SPACE) if token else ""


def refusal(token: str, error: TokenError) -> TokenError:
    """The refusal of a request with this token."""
    # Checked only for tokens that were refused, since other texts never verify.
    if error.error == "invalid_token" and not _B64TOKEN.fullmatch(token):
        return TokenError("invalid_request")
    return error
