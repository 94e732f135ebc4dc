"""Services in Django REST framework, and what their clients see."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import django
import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django_settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.checks import run_checks  # noqa: E402
from django.core.exceptions import ImproperlyConfigured  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import AsyncClient, Client, override_settings  # noqa: E402
from django.test.client import RequestFactory  # noqa: E402
from rest_framework.views import exception_handler  # noqa: E402

from tokensmith.django import resource_urls  # noqa: E402
from tokensmith.django.users.models import Identity, user_of  # noqa: E402
from tokensmith.testing import TestIssuer  # noqa: E402

from .http_issuer import HttpIssuer, eventually  # noqa: E402

USER = "019a0000-0000-7000-8000-000000000001"
OTHER = "019a0000-0000-7000-8000-000000000002"
SESSION = "019a0000-0000-7000-8000-00000000000a"
User = get_user_model()


def setting(issuer: TestIssuer, **more: Any) -> Any:
    return override_settings(TOKENSMITH={"ISSUER": issuer.issuer, "AUDIENCE": issuer.audience, "JWKS": issuer.jwks, **more})


@pytest.fixture
def issuer() -> Iterator[TestIssuer]:
    issuer = TestIssuer()
    with setting(issuer):
        yield issuer


@pytest.fixture
def database() -> Iterator[None]:
    call_command("migrate", verbosity=0)
    yield
    call_command("flush", verbosity=0, interactive=False)


def ask(path: str, token: str | None = None, method: str = "get") -> Any:
    headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}
    return getattr(Client(raise_request_exception=False), method)(f"/{path}", **headers)


def test_settings_alone_protect_a_project(issuer: TestIssuer) -> None:
    answered = ask("default", issuer.token(USER))
    assert (answered.status_code, answered.json()) == (200, {"user": USER, "sub": USER})
    refused = ask("default")
    assert (refused.status_code, refused["www-authenticate"]) == (401, 'Bearer realm="https://api.test"')
    assert refused.json() == {
        "type": "about:blank", "title": "Unauthorized", "detail": "an access token is needed",
        "code": "access_token_missing",
    }  # fmt: skip


def test_a_refused_token_gets_its_code_and_the_challenge(issuer: TestIssuer) -> None:
    for path in ("default", "any", "read-only"):
        refused = ask(path, issuer.token(USER, lives_for=-1))
        assert refused.status_code == 401, path
        assert refused.json() == {
            "type": "about:blank", "title": "Unauthorized", "detail": "the token has expired",
            "code": "token_expired",
        }  # fmt: skip
        assert refused["www-authenticate"].endswith('error="invalid_token", error_description="the token has expired"')
    refused = ask("default", "two words")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert 'error="invalid_request"' in refused["www-authenticate"]


def test_the_permissions_of_the_framework_work_as_usual(issuer: TestIssuer) -> None:
    plain, admin = issuer.token(USER), issuer.token(USER, roles=["admin"])
    assert [ask("any").status_code, ask("any", plain).status_code] == [200, 200]
    assert [ask("authenticated").status_code, ask("authenticated", plain).status_code] == [401, 200]
    assert [ask("read-only").status_code, ask("read-only", method="post").status_code] == [200, 401]
    assert ask("read-only", plain, "post").status_code == 200
    assert [ask("admin", token).status_code for token in (None, plain, admin)] == [401, 403, 200]


def test_roles_scopes_and_logins_are_required(issuer: TestIssuer) -> None:
    plain = issuer.token(USER)
    editor, reader = issuer.token(USER, roles=["editor"]), issuer.token(USER, scope="notes:read")
    statuses = {
        path: [ask(path, token).status_code for token in (None, plain, editor, reader)]
        for path in ("editor", "reader", "editor-or-reader", "no-editor")
    }
    assert statuses == {
        "editor": [401, 403, 200, 403],
        "reader": [401, 403, 403, 200],
        "editor-or-reader": [401, 403, 200, 200],
        "no-editor": [200, 200, 403, 200],
    }
    refused = ask("reader", plain)
    assert refused.json()["code"] == "scope_missing"
    assert 'error="insufficient_scope", scope="notes:read"' in refused["www-authenticate"]
    assert ask("editor", plain).json()["code"] == "role_missing"
    assert ask("person", issuer.token(USER, client_id="api-token")).json()["code"] == "session_required"
    assert ask("person", plain).status_code == 200


def test_a_login_that_is_too_weak_gets_the_challenge_of_rfc_9470(issuer: TestIssuer) -> None:
    assert ask("strong", issuer.token(USER, acr="strong")).status_code == 200
    refused = ask("strong", issuer.token(USER, acr="weak"))
    assert (refused.status_code, refused.json()["code"]) == (401, "reauthentication_required")
    assert 'acr_values="strong stronger", max_age="60"' in refused["www-authenticate"]
    assert ask("strong").status_code == 401


def test_a_token_of_a_program_has_a_user_that_is_the_program(issuer: TestIssuer) -> None:
    token = issuer.token("nightly", client_id="nightly", credential="client")
    assert ask("default", token).json() == {"user": "nightly", "sub": "nightly"}


def test_exception_handlers_of_projects_get_the_code(issuer: TestIssuer) -> None:
    seen: list[Any] = []

    def handler(error: Any, context: Any) -> Any:
        seen.append((error.status_code, set(error.get_codes().values())))
        return exception_handler(error, context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rest_framework.views.APIView.get_exception_handler", lambda _: handler)
        ask("default", issuer.token(USER, lives_for=-1))
        ask("editor", issuer.token(USER))
        ask("default")
    assert seen == [(401, {"token_expired"}), (403, {"role_missing"}), (401, {"access_token_missing"})]


def test_refusals_of_the_framework_itself_get_their_codes_from_a_handler(issuer: TestIssuer) -> None:
    plain = issuer.token(USER)
    handler = {**settings.REST_FRAMEWORK, "EXCEPTION_HANDLER": "tokensmith.django.exceptions.exception_handler"}
    codes = {"admin": "permission_denied", "editor-or-reader": "permission_denied", "editor": "role_missing"}
    for path, code in codes.items():
        assert ("code" in ask(path, plain).json()) == (path == "editor"), path
        with override_settings(REST_FRAMEWORK=handler):
            refused = ask(path, plain)
        assert (refused.status_code, refused.json()["code"]) == (403, code), path
    with override_settings(REST_FRAMEWORK=handler):
        refused = ask("default", plain, "delete")
        assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
        assert ask("default").json()["code"] == "access_token_missing"
        assert ask("default", plain).json() == {"user": USER, "sub": USER}


def test_other_schemes_are_left_to_other_classes(issuer: TestIssuer) -> None:
    assert issuer
    assert ask("any").json() == {"user": "AnonymousUser", "sub": None}
    answered = Client().get("/any", HTTP_AUTHORIZATION="Basic YTpi")
    assert (answered.status_code, answered.json()["user"]) == (200, "AnonymousUser")


def test_without_keys_the_answer_is_503_with_retry_after() -> None:
    issuer = HttpIssuer()
    issuer.broken["/jwks"] = 500
    with override_settings(TOKENSMITH={"ISSUER": issuer.issuer, "AUDIENCE": issuer.audience}):
        refused = ask("default", issuer.token(USER))
        assert (refused.status_code, refused["retry-after"]) == (503, "2")
        assert refused.json()["code"] == "keys_unavailable" and "www-authenticate" not in refused
        del issuer.broken["/jwks"]
        eventually(lambda: ask("default", issuer.token(USER)).status_code == 200)
        token = issuer.token(USER, sid=SESSION)
        issuer.deny(sid=SESSION)
        eventually(lambda: ask("default", token).status_code == 401)
        assert ask("default", token).json()["code"] == "token_revoked"
    issuer.stop()


def test_it_works_under_asgi(issuer: TestIssuer) -> None:
    async def run() -> list[int]:
        client = AsyncClient()
        headers = {"authorization": f"Bearer {issuer.token(USER)}"}
        answers = await asyncio.gather(*(client.get("/default", headers=headers) for _ in range(20)))
        return [*(answer.status_code for answer in answers), (await client.get("/default")).status_code]

    assert asyncio.run(run()) == [200] * 20 + [401]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (None, "is needed"),
        ({}, "no ISSUER"),
        ({"ISSUER": "id.test"}, "not an http"),
        ({"ISSUER": "http://id.test"}, "without TLS"),
        ({"ISSUER": "https://id.test", "AUDIENCES": []}, "unknown members: AUDIENCES"),
        ({"ISSUER": "https://id.test", "USERS": "make"}, "USERS"),
        ({"ISSUER": "https://id.test", "LEEWAY": 100}, "leeway"),
        ({"ISSUER": "https://id.test", "LEEWAY": "long"}, "TOKENSMITH"),
    ],
)
def test_bad_settings_are_found_by_the_check_and_let_no_one_in(wrong: Any, why: str) -> None:
    with override_settings(TOKENSMITH=wrong):
        found = [error.msg for error in run_checks() if error.id == "tokensmith.E001"]
        assert len(found) == 1 and why in found[0]
        assert ask("default", "x").status_code == 500


def test_good_settings_pass_the_check(issuer: TestIssuer) -> None:
    assert issuer
    assert run_checks() == []


def test_the_metadata_of_the_resource_is_a_view() -> None:
    with setting(TestIssuer(), RESOURCE="https://api.test/notes", SCOPES=["notes:read"]):
        (pattern,) = resource_urls()
        assert str(pattern.pattern) == ".well-known/oauth-protected-resource/notes"
        answered = pattern.callback(RequestFactory().get("/"))
        assert answered.content == (
            b'{"resource": "https://api.test/notes", "authorization_servers": ["https://id.test"], '
            b'"bearer_methods_supported": ["header"], "scopes_supported": ["notes:read"]}'
        )
        assert ask("default")["www-authenticate"] == (
            'Bearer realm="https://api.test", '
            'resource_metadata="https://api.test/.well-known/oauth-protected-resource/notes"'
        )
    with setting(TestIssuer()), pytest.raises(ImproperlyConfigured):
        resource_urls()


@pytest.mark.usefixtures("database")
def test_by_default_no_user_is_made(issuer: TestIssuer) -> None:
    assert ask("default", issuer.token(USER)).status_code == 200
    assert not User.objects.exists()


@pytest.mark.usefixtures("database")
def test_a_user_is_made_with_the_first_token_and_found_by_the_next(issuer: TestIssuer) -> None:
    with setting(issuer, USERS="create"):
        for _ in range(2):
            assert ask("default", issuer.token(USER)).json()["user"] == USER
        (user,) = User.objects.all()
        assert not user.has_usable_password() and not user.is_staff
        assert user.tokensmith.sub == USER and user.tokensmith.issuer == issuer.issuer
        assert ask("default", issuer.token(OTHER)).status_code == 200
        assert ask("default", issuer.token("job", client_id="job", credential="client")).status_code == 200
        assert User.objects.count() == 2, "a program gets no row"


@pytest.mark.usefixtures("database")
def test_whoever_has_the_id_as_a_username_is_someone_else(issuer: TestIssuer) -> None:
    squatter = User.objects.create_user(USER, password="mine")
    with setting(issuer, USERS="create"):
        for _ in range(2):
            assert ask("default", issuer.token(USER)).json()["user"].startswith(f"{USER}-")
    assert Identity.objects.get(sub=USER).user != squatter
    assert User.objects.count() == 2


@pytest.mark.usefixtures("database")
def test_a_user_that_is_disabled_here_is_refused(issuer: TestIssuer) -> None:
    with setting(issuer, USERS="create"):
        ask("default", issuer.token(USER))
        User.objects.update(is_active=False)
        refused = ask("default", issuer.token(USER))
        assert refused.status_code == 401 and refused["www-authenticate"].startswith("Bearer ")
        assert refused.json() == {"detail": "the user is disabled here", "code": "account_disabled"}


@pytest.mark.usefixtures("database")
def test_staff_follows_a_role_only_if_that_is_asked_for(issuer: TestIssuer) -> None:
    admin = issuer.token(USER, roles=["admin"])
    with setting(issuer, USERS="create"):
        assert ask("admin", admin).status_code == 403
    with setting(issuer, USERS="create", STAFF_ROLE="admin"):
        assert ask("admin", admin).status_code == 200
        assert User.objects.get().is_staff
        assert ask("admin", issuer.token(USER)).status_code == 403
        assert not User.objects.get().is_staff


@pytest.mark.usefixtures("database")
def test_first_tokens_at_the_same_moment_make_one_user(issuer: TestIssuer) -> None:
    claims = issuer.verifier().verify(issuer.token(USER))
    barrier, users, errors = threading.Barrier(8), [], []

    def first() -> None:
        try:
            barrier.wait()
            users.append(user_of(claims, None).pk)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=first) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(users)) == 1 and User.objects.count() == 1


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
