"""For the tests of your own service: an issuer in the test process, which signs any token that a test needs.

issuer = TestIssuer()
verifier = issuer.verifier()
claims = verifier.verify(issuer.token("019a0000-0000-7000-8000-000000000001", roles=["editor"]))
"""

from __future__ import annotations

import json
import secrets
import time
import uuid
from typing import Any, Callable, Union

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from jwt import get_algorithm_by_name

from ._json import encode_base64url
from ._jwk import jwk_of, thumbprint
from .verifier import Verifier

PrivateKey = Union[EllipticCurvePrivateKey, Ed25519PrivateKey, RSAPrivateKey]

_GENERATE: dict[str, Callable[[], PrivateKey]] = {
    "ES256": lambda: generate_ec(SECP256R1()),
    "EdDSA": Ed25519PrivateKey.generate,
    "RS256": lambda: generate_rsa(65537, 2048),
}


class TestIssuer:
    """An issuer with a key of its own."""

    #: It is no test.
    __test__ = False

    def __init__(
        self,
        issuer: str = "https://id.test",
        audience: str = "https://api.test",
        *,
        alg: str = "ES256",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.issuer, self.audience, self.clock = issuer, audience, clock
        self.rotate(alg)

    def rotate(self, alg: str = "ES256") -> None:
        """Replaces the key."""
        self._alg, self._key = alg, _GENERATE[alg]()
        jwk = jwk_of(self._key.public_key())
        self.kid = thumbprint(jwk)
        #: The JWK Set with the key.
        self.jwks: dict[str, Any] = {"keys": [{**jwk, "use": "sig", "kid": self.kid}]}

    def verifier(self, **arguments: Any) -> Verifier:
        """A verifier of its tokens, with these further arguments."""
        arguments = {"clock": self.clock, **arguments}
        return Verifier(self.issuer, self.audience, jwks=self.jwks, **arguments)

    def token(
        self,
        sub: str,
        *,
        roles: list[str] | None = None,
        scope: str | None = None,
        lives_for: int = 300,
        without: tuple[str, ...] = (),
        **claims: Any,
    ) -> str:
        """An access token of a login, with these roles, scopes (separated by spaces) and other claims. With a negative
        `lives_for` it has already expired."""
        now = int(self.clock())
        begin = now + min(lives_for, 0)
        payload = {
            "iss": self.issuer, "sub": sub, "aud": self.audience, "exp": now + lives_for, "iat": begin,
            "auth_time": begin, "jti": secrets.token_urlsafe(16), "sid": str(uuid.uuid4()),
            "client_id": "first-party", "amr": ["pwd"],
        }  # fmt: skip
        if roles:
            payload["roles"] = roles
        if scope is not None:
            payload["scope"] = scope
        payload.update(claims)
        return self.sign("at+jwt", {name: payload[name] for name in payload if name not in without})

    def sign(self, typ: str, payload: dict[str, Any]) -> str:
        """Any document of this type, signed."""
        header = {"alg": self._alg, "kid": self.kid, "typ": typ}
        message = ".".join(encode_base64url(json.dumps(part).encode()) for part in (header, payload))
        signature = get_algorithm_by_name(self._alg).sign(message.encode(), self._key)
        return f"{message}.{encode_base64url(signature)}"
