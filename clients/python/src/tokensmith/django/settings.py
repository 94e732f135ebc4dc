"""The setting `TOKENSMITH`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from ..verifier import Verifier

#: The application with the table of users.
USERS_APP = "tokensmith.django.users"

#: Members of the setting that are no arguments of the verifier, and their defaults.
_OWN: dict[str, Any] = {"USERS": "none", "STAFF_ROLE": None}

_ARGUMENTS = {name.upper() for name in inspect.signature(Verifier.__init__).parameters if name != "self"}


@dataclass(frozen=True)
class Settings:
    """What the setting says."""

    verifier: Verifier
    #: Whether a user of Django is made for each user of the issuer.
    creates_users: bool
    #: The role that makes such a user `is_staff`; None leaves that alone.
    staff_role: str | None


_loaded: Settings | None = None


def load() -> Settings:
    """The setting, read once; ImproperlyConfigured says what is wrong with it."""
    global _loaded
    if _loaded is None:
        _loaded = _read(getattr(settings, "TOKENSMITH", None))
    return _loaded


def _read(setting: Any) -> Settings:
    if not isinstance(setting, dict):
        raise ImproperlyConfigured('the setting TOKENSMITH is needed: {"ISSUER": .., "AUDIENCE": ..}')
    unknown = setting.keys() - _ARGUMENTS - _OWN.keys()
    if unknown:
        raise ImproperlyConfigured(f"TOKENSMITH has unknown members: {', '.join(sorted(map(str, unknown)))}")
    if "ISSUER" not in setting:
        raise ImproperlyConfigured("TOKENSMITH has no ISSUER")
    own = {name: setting.get(name, default) for name, default in _OWN.items()}
    if own["USERS"] not in ("none", "create"):
        raise ImproperlyConfigured(f'TOKENSMITH: USERS is "none" or "create", not {own["USERS"]!r}')
    if own["USERS"] == "create" and not apps.is_installed(USERS_APP):
        raise ImproperlyConfigured(f'TOKENSMITH: USERS "create" needs "{USERS_APP}" in INSTALLED_APPS')
    # Without AUDIENCE it is the issuer, as at an issuer whose AUDIENCE is not set.
    arguments = {"audience": setting["ISSUER"]}
    arguments.update({name.lower(): value for name, value in setting.items() if name in _ARGUMENTS})
    try:
        verifier = Verifier(**arguments)
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"TOKENSMITH: {error}") from error
    return Settings(verifier, own["USERS"] == "create", own["STAFF_ROLE"])


def _forget(*, setting: str, **_: Any) -> None:
    """In tests, settings change."""
    global _loaded
    if setting == "TOKENSMITH" and _loaded is not None:
        _loaded.verifier.close()
        _loaded = None


setting_changed.connect(_forget)
