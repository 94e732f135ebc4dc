"""Views that need a token, in many ways."""

from __future__ import annotations

from typing import Any

from django.urls import path
from rest_framework.permissions import (
    AllowAny,
    IsAdminUser,
    IsAuthenticated,
    IsAuthenticatedOrReadOnly,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tokensmith.django import HasAuthentication, HasRole, HasScope, IsLoggedIn

PERMISSIONS: dict[str, Any] = {
    "any": AllowAny,
    "authenticated": IsAuthenticated,
    "read-only": IsAuthenticatedOrReadOnly,
    "admin": IsAdminUser,
    "editor": HasRole("editor"),
    "reader": HasScope("notes:read"),
    "person": IsLoggedIn,
    "strong": HasAuthentication("strong stronger", 60),
    "editor-or-reader": HasRole("editor") | HasScope("notes:read"),
    "no-editor": ~HasRole("editor"),
}


class Notes(APIView):
    def get(self, request: Request) -> Response:
        return Response({"user": str(request.user), "sub": request.auth.sub if request.auth else None})

    def post(self, request: Request) -> Response:
        return self.get(request)


urlpatterns = [path("default", Notes.as_view())] + [
    path(name, Notes.as_view(permission_classes=[permission])) for name, permission in PERMISSIONS.items()
]
