"""The application, by which `manage.py check` finds bad settings."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.checks import Error, register
from django.core.exceptions import ImproperlyConfigured

from .settings import load


class TokensmithConfig(AppConfig):
    """tokensmith for Django."""

    name = "tokensmith.django"
    label = "tokensmith"
    verbose_name = "tokensmith"

    def ready(self) -> None:
        """Registers the check."""
        register(check_settings)


def check_settings(**_: Any) -> list[Error]:
    """Whether the setting TOKENSMITH can be used."""
    try:
        load()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="tokensmith.E001")]
    return []
