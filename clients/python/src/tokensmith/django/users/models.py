"""Which user of Django belongs to which user of the issuer. It is a table, not a username: a person who registers here
with a name that looks like an id must not become someone else."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, models, transaction

from ...claims import Claims


class Identity(models.Model):
    """A user of the issuer, and the user of Django that was made for it."""

    issuer = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokensmith")

    class Meta:
        """One row for each user."""

        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["issuer", "sub"], name="tokensmith_identity")]
        verbose_name_plural = "identities"

    def __str__(self) -> str:
        return f"{self.sub} of {self.issuer}"


def user_of(claims: Claims, staff_role: str | None) -> Any:
    """The user of Django for the user of this token; it is made with the first token. With a `staff_role` its `is_staff`
    follows the role."""
    user = _find(claims) or _create(claims)
    if staff_role is not None and user.is_staff != claims.has_role(staff_role):
        user.is_staff = claims.has_role(staff_role)
        user.save(update_fields=["is_staff"])
    return user


def _find(claims: Claims) -> Any:
    identity = Identity.objects.select_related("user").filter(issuer=claims.iss, sub=claims.sub).first()
    return identity.user if identity else None


def _create(claims: Claims) -> Any:
    # By another name if someone here has that of the id.
    for name in (claims.sub, f"{claims.sub}-{uuid.uuid4().hex[:8]}"):
        try:
            with transaction.atomic():
                user = _new_user(name)
                Identity.objects.create(issuer=claims.iss, sub=claims.sub, user=user)
                return user
        except IntegrityError:
            # Another request may have been first; then its user is the one.
            if (user := _find(claims)) is not None:
                return user
    raise RuntimeError(f"no user can be made for {claims.sub}")


def _new_user(name: str) -> Any:
    """A user of this name, without a password."""
    model = get_user_model()
    user = model(**{model.USERNAME_FIELD: name})
    user.set_unusable_password()
    user.save()
    return user
