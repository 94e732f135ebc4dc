"""The metadata of a protected resource (RFC 9728), by which clients find out whose tokens it takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ._http import checked_url

_HOST = re.compile(r"https?://[A-Za-z0-9.\-_:\[\]]+", re.IGNORECASE)
_PATH = re.compile(r"[A-Za-z0-9\-._~!$&+,;=:@/]*")
#: RFC 6749 section 3.3.
_SCOPE = re.compile(r"[!#-\[\]-~]+")


@dataclass(frozen=True)
class Resource:
    """This service, as its clients know it. ValueError if the URL cannot be one (RFC 9728 section 1.2): it is a URL with
    TLS, or of this machine, without a fragment. A query would be allowed, but is advised against; it, and characters that
    are written with `%`, would make the path ambiguous."""

    url: str
    issuer: str
    scopes: tuple[str, ...]

    def __post_init__(self) -> None:
        host, path = _split(self.url)
        is_url = _HOST.fullmatch(host) and _PATH.fullmatch(path)
        if not is_url or checked_url(self.url, allow_http=False).username is not None:
            raise ValueError(f"{self.url!r} is no URL of a resource: https://, a host and a plain path are expected")
        for scope in self.scopes:
            if not _SCOPE.fullmatch(scope):
                raise ValueError(f"{scope!r} is no scope")

    @property
    def metadata_url(self) -> str:
        """Where clients look for the metadata (RFC 9728 section 3.1)."""
        host, path = _split(self.url)
        return f"{host}/.well-known/oauth-protected-resource{path}"

    @property
    def path(self) -> str:
        """The path of that URL, at which the service serves it."""
        return urlsplit(self.metadata_url).path

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata (RFC 9728 section 2)."""
        document: dict[str, Any] = {
            "resource": self.url,
            "authorization_servers": [self.issuer],
            "bearer_methods_supported": ["header"],
        }
        if self.scopes:
            document["scopes_supported"] = list(self.scopes)
        return document


def _split(url: str) -> tuple[str, str]:
    """A resource up to its host, and its path. A path that is only a slash counts as none (RFC 9728 section 3.1)."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}", slash + path if path else ""
