"""The claims of an access token (RFC 9068 section 2.2)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Optional

from ._json import decode_base64url

_HYPHENATED = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_UUID = re.compile(rf"[0-9a-fA-F]{{32}}|{_HYPHENATED}|\{{{_HYPHENATED}\}}|urn:uuid:{_HYPHENATED}")
_USER_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_INT64 = range(-(2**63), 2**63)
_JTI_BYTES = 16

#: The credential of a token without that claim, by its `client_id`: before the claim there were only these two.
_UNWRITTEN = {"first-party": "login", "api-token": "api_token"}
_CREDENTIALS = {"login", "application", "client", "api_token"}


@dataclass(frozen=True)
class Claims:
    """The claims of a verified access token."""

    #: The service that issued it.
    iss: str
    #: Who it speaks for: a user, or a client. Opaque: compare it, do not take it apart.
    sub: str
    #: Who it is for.
    aud: tuple[str, ...]
    #: The first second at which it is no longer valid.
    exp: int
    #: When it was issued.
    iat: int
    #: Its own name.
    jti: str
    #: The client that it was issued to.
    client_id: str
    #: The session that it belongs to, if there is one.
    sid: Optional[str]
    #: When the user was authenticated.
    auth_time: Optional[int]
    #: The methods of authentication.
    amr: Optional[tuple[str, ...]]
    #: The user's roles.
    roles: tuple[str, ...]
    #: The scopes.
    scopes: tuple[str, ...]
    #: What it came from: `login`, `application`, `client`, `api_token`, or `unknown`.
    credential: str
    #: It must not be accepted before this time; the issuer does not set it.
    nbf: Optional[int]
    #: All claims as they are in the token, also those that are not named here.
    payload: Mapping[str, Any] = field(compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return read_claims, (dict(self.payload),)

    @property
    def acr(self) -> str | None:
        """How strong the login was, in the words of the issuer."""
        return self.payload.get("acr")

    @property
    def idp(self) -> str | None:
        """The provider at which the user has logged in, as the issuer calls it; None if that was at the issuer itself."""
        return self.payload.get("idp")

    def has_role(self, role: str) -> bool:
        """Whether the user has the role."""
        return role in self.roles

    def has_scope(self, scope: str) -> bool:
        """Whether the scope is among those that were granted."""
        return scope in self.scopes

    @property
    def is_logged_in(self) -> bool:
        """Whether a user has logged in for it, at the issuer itself or through a registered application."""
        return self.credential in ("login", "application")

    @property
    def user_id(self) -> str | None:
        """The user of the token; None if it belongs to a client, even one whose id looks like a user's."""
        is_of_user = self.credential in ("login", "application", "api_token") and _USER_ID.fullmatch(self.sub)
        return self.sub if is_of_user else None


def read_claims(payload: dict[str, Any]) -> Claims:
    """The claims of this payload; ValueError if one is missing or has another type."""
    read = Reader(payload)
    client_id, scope = read.text("client_id"), read.optional_text("scope")
    for name in ("cnf", "act"):
        if name in payload and not isinstance(payload[name], dict):
            raise ValueError(f"{name} is no object")
    read.optional_text("acr")
    read.optional_text("idp")
    credential = read.optional_text("credential")
    if credential is None:
        credential = _UNWRITTEN.get(client_id, "unknown")
    return Claims(
        iss=read.text("iss"),
        sub=read.text("sub"),
        aud=read.audience(),
        exp=read.time("exp"),
        iat=read.time("iat"),
        jti=read.jti("jti"),
        client_id=client_id,
        sid=read.uuid("sid") if "sid" in payload else None,
        auth_time=read.time("auth_time") if "auth_time" in payload else None,
        amr=read.texts("amr") if "amr" in payload else None,
        roles=read.texts("roles") if "roles" in payload else (),
        scopes=() if scope is None else tuple(scope.split(" ")),
        credential=credential if credential in _CREDENTIALS else "unknown",
        nbf=read.time("nbf") if "nbf" in payload else None,
        payload=MappingProxyType(payload),
    )


class Reader:
    """Reads members that must have a type; ValueError if they have not."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.members = members

    def text(self, name: str) -> str:
        """A text."""
        value = self.members.get(name)
        if not isinstance(value, str):
            raise ValueError(f"{name} is no text")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text that may be missing, but not null."""
        return self.text(name) if name in self.members else None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.members.get(name)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ValueError(f"{name} is no list of texts")
        return tuple(value)

    def time(self, name: str) -> int:
        """Whole seconds since 1970."""
        value = self.members.get(name)
        if type(value) is not int or value not in _INT64:
            raise ValueError(f"{name} is no time in whole seconds")
        return value

    def truth(self, name: str) -> bool:
        """True or false."""
        value = self.members.get(name)
        if not isinstance(value, bool):
            raise ValueError(f"{name} is not true or false")
        return value

    def audience(self) -> tuple[str, ...]:
        """One audience or several (RFC 7519 section 4.1.3)."""
        return (self.text("aud"),) if isinstance(self.members.get("aud"), str) else self.texts("aud")

    def uuid(self, name: str) -> str:
        """A UUID, in its usual form."""
        text = self.text(name)
        if not _UUID.fullmatch(text):
            raise ValueError(f"{name} is no UUID")
        return str(uuid.UUID(text))

    def jti(self, name: str) -> str:
        """128 bits of base64url."""
        text = self.text(name)
        if len(decode_base64url(text)) != _JTI_BYTES:
            raise ValueError(f"{name} has not 128 bits")
        return text
