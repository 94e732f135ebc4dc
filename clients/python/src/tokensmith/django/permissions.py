"""Permissions for Django REST framework by roles and scopes. Its own, as IsAuthenticated and IsAdminUser, work as usual."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission

from ..claims import Claims
from ..errors import TokenError
from .authentication import detail_of
from .settings import load


class _TokenPermission(BasePermission):
    """Lets in access tokens that pass a check."""

    required: ClassVar[dict[str, Any]] = {}

    def has_permission(self, request: Any, view: Any) -> bool:  # noqa: ARG002
        """Whether the token passes the check."""
        self._refusal: TokenError | None = None
        if not isinstance(request.auth, Claims):
            return False
        try:
            load().verifier.require(request.auth, **self.required)
        except TokenError as error:
            self._refusal = error
        return self._refusal is None

    @property
    def message(self) -> None:
        """DRF asks a permission for its message when this one alone has denied the request, not as a part of `|`. Only
        an exception can carry the challenge (RFC 6750 section 3)."""
        if self._refusal is not None:
            denied = PermissionDenied(detail_of(self._refusal))
            denied.status_code = self._refusal.status
            denied.auth_header = self._refusal.challenge
            raise denied


def HasRole(role: str) -> type[BasePermission]:  # noqa: N802
    """Lets in users with this role: `permission_classes = [HasRole("editor")]`."""
    return type("HasRole", (_TokenPermission,), {"required": {"role": role}})


def HasScope(scope: str) -> type[BasePermission]:  # noqa: N802
    """Lets in tokens with this scope."""
    return type("HasScope", (_TokenPermission,), {"required": {"scope": scope}})


class IsLoggedIn(_TokenPermission):
    """Lets in tokens of a user's login; not those of API tokens or of programs."""

    required: ClassVar[dict[str, Any]] = {"login": True}


def HasAuthentication(acr: str | None = None, max_age: int | None = None) -> type[BasePermission]:  # noqa: N802
    """Lets in tokens of a login as strong and as recent; others get the challenge of RFC 9470. See `Verifier.require`."""
    return type("HasAuthentication", (_TokenPermission,), {"required": {"acr": acr, "max_age": max_age}})
