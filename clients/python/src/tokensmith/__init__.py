"""For services and scripts in Python: `Verifier` verifies access tokens of a tokensmith issuer offline, and learns of
revocations within seconds; `Client` logs in and keeps its tokens fresh."""

from .claims import Claims
from .client import Client, ClientError, Response, SignedOut, Unavailable
from .errors import TokenError
from .verifier import Require, Verifier

__all__ = [
    "Claims",
    "Client",
    "ClientError",
    "Require",
    "Response",
    "SignedOut",
    "TokenError",
    "Unavailable",
    "Verifier",
]
