"""The authentication class for Django REST framework."""

from __future__ import annotations

import sys
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, ErrorDetail, NotAuthenticated

from ..claims import Claims
from ..errors import TokenError
from .settings import Settings, load


class TokenUser:
    """The user, or the client, that a token speaks for; it has no row in the database."""

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_superuser = False

    def __init__(self, claims: Claims, staff_role: str | None = "admin") -> None:
        self.id = self.pk = self.username = claims.sub
        self.roles = claims.roles
        self.is_staff = staff_role is not None and claims.has_role(staff_role)

    def get_username(self) -> str:
        """Its id: the token holds no name."""
        return self.username

    def has_perm(self, perm: str, obj: object = None) -> bool:  # noqa: ARG002
        """Permissions of Django are in the database; it has none."""
        return False

    def has_perms(self, perm_list: Any, obj: object = None) -> bool:
        """See has_perm."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:  # noqa: ARG002
        """See has_perm."""
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenUser) and self.pk == other.pk

    def __hash__(self) -> int:
        return hash(self.pk)

    def __str__(self) -> str:
        return self.username


class TokenRefused(AuthenticationFailed):
    """The token is refused: 401."""


class NotVerified(APIException):
    """The request is refused for another reason: 400, or 503 while keys or denylist are missing."""


def detail_of(error: TokenError) -> dict[str, ErrorDetail]:
    """The members of the problem document that are texts: `get_codes()` of DRF's exceptions expects nothing else."""
    return {name: ErrorDetail(text, code=error.code) for name, text in error.problem.items() if isinstance(text, str)}


def exception_of(error: TokenError) -> APIException:
    """The exception that makes Django REST framework respond with this refusal."""
    exception: APIException = TokenRefused() if error.status == 401 else NotVerified()
    # Read by DRF's exception handler.
    exception.status_code = error.status
    exception.detail = detail_of(error)
    exception.auth_header = error.challenge
    exception.wait = error.retry_after
    return exception


class TokenAuthentication(BaseAuthentication):
    """Accepts access tokens. `request.user` is a TokenUser, or a user of Django (setting USERS); `request.auth` is the
    claims."""

    def authenticate(self, request: Any) -> tuple[Any, Claims] | None:
        """User and claims; None without a token, so that other classes may look for what they accept."""
        settings = load()
        try:
            claims = settings.verifier.authenticate(request.META.get("HTTP_AUTHORIZATION"))
        except TokenError as error:
            if error.code == "access_token_missing":
                return None
            request.tokensmith_refusal = error
            raise exception_of(error) from error
        return self._user(settings, claims), claims

    def authenticate_header(self, request: Any) -> str:
        """The challenge of a 401."""
        error = getattr(request, "tokensmith_refusal", None)
        if error is None:
            error = load().verifier.refusal("access_token_missing")
            # DRF itself raises this where a token is missing, and asks for the challenge before it responds.
            missing = sys.exc_info()[1]
            if isinstance(missing, NotAuthenticated):
                missing.detail = detail_of(error)
        return error.challenge or ""

    def _user(self, settings: Settings, claims: Claims) -> Any:
        if settings.creates_users and claims.user_id is not None:
            from .users.models import user_of  # Only there if it is installed.

            user = user_of(claims, settings.staff_role)
            if not user.is_active:
                code = "account_disabled"
                raise AuthenticationFailed({"detail": "the user is disabled here", "code": code}, code)
            return user
        return TokenUser(claims, settings.staff_role or "admin")
