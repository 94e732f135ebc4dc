"""The metadata of this service (RFC 9728): `urlpatterns += resource_urls()` serves it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, JsonResponse
from django.urls import path

from .settings import load


def resource_urls() -> list[Any]:
    """The URL pattern of the metadata, for the URLconf of the project. TOKENSMITH must have RESOURCE."""
    resource = load().verifier.resource
    if resource is None:
        raise ImproperlyConfigured("TOKENSMITH has no RESOURCE")
    return [path(resource.path.lstrip("/"), _metadata)]


def _metadata(_request: HttpRequest) -> JsonResponse:
    resource = load().verifier.resource
    response = JsonResponse(resource.metadata if resource else {})
    # Public, so that browser apps of any origin may read it.
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = "public, max-age=300"
    return response
