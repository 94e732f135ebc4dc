"""The metadata of a protected resource (RFC 9728), by which clients find out whose tokens it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ._issuer import well_known


@dataclass(frozen=True)
class Resource:
    """This service, as its clients know it. ValueError if the URL cannot be one (RFC 9728 section 1.2)."""

    url: str
    issuer: str
    scopes: tuple[str, ...]

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "#" in self.url:
            raise ValueError(f"{self.url!r} is no URL of a resource: https://, and no fragment, are expected")

    @property
    def metadata_url(self) -> str:
        """Where clients look for the metadata (RFC 9728 section 3.1)."""
        return well_known(self.url, "oauth-protected-resource")

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
