"""The application with the table."""

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Which user of Django belongs to which user of the issuer."""

    name = "tokensmith.django.users"
    label = "tokensmith_users"
    verbose_name = "tokensmith users"
    default_auto_field = "django.db.models.BigAutoField"
