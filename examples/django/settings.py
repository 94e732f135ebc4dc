"""A service in Django REST framework that tokensmith protects; `examples/django/run` starts it."""

import os

SECRET_KEY = "only for this example; nothing is signed with it"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"

# Five lines for tokensmith:
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "tokensmith.django"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tokensmith.django.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
# AUDIENCE is not set at the issuer, so the audience is the issuer itself.
TOKENSMITH = {"ISSUER": os.environ.get("ISSUER", "http://127.0.0.1:8080")}
