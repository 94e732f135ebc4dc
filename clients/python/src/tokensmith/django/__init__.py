"""Protects services in Django REST framework: name `tokensmith.django.TokenAuthentication` as an authentication class, and
the issuer in the setting `TOKENSMITH`."""

from .authentication import TokenAuthentication, TokenUser
from .permissions import HasAuthentication, HasRole, HasScope, IsLoggedIn
from .resource import resource_urls

__all__ = ["HasAuthentication", "HasRole", "HasScope", "IsLoggedIn", "TokenAuthentication", "TokenUser", "resource_urls"]
