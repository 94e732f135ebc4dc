"""A verifier and its issuer, over HTTP."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
import time
from typing import Any, Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tokensmith import Claims, Require, TokenError, Verifier
from tokensmith.testing import TestIssuer

from .http_issuer import HttpIssuer, eventually

USER = "019a0000-0000-7000-8000-000000000001"
SESSION = "019a0000-0000-7000-8000-00000000000a"


def code(verifier: Verifier, token: str) -> str:
    try:
        verifier.verify(token)
    except TokenError as error:
        return error.code
    return "ok"


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "RS256"])
def test_tokens_of_every_algorithm_are_accepted(issuer: HttpIssuer, alg: str) -> None:
    issuer.rotate(alg)
    with issuer.following() as verifier:
        claims = verifier.verify(issuer.token(USER, roles=["editor"], scope="a b", tenant="acme"))
        assert (claims.sub, claims.user_id, claims.roles, claims.scopes) == (USER, USER, ("editor",), ("a", "b"))
        assert claims.has_role("editor") and not claims.has_role("admin") and claims.has_scope("b")
        assert claims.is_logged_in and claims.payload["tenant"] == "acme"
        assert code(verifier, issuer.token(USER, lives_for=-1)) == "token_expired"
        with pytest.raises(TypeError):
            claims.payload["roles"] = ["admin"]  # type: ignore[index]


def test_a_login_cannot_be_required_from_the_future(issuer: HttpIssuer) -> None:
    with issuer.following() as verifier:
        claims = verifier.verify(issuer.token(USER))
        with pytest.raises(ValueError, match="max_age"):
            verifier.require(claims, max_age=-1)


def test_nothing_is_asked_before_the_first_token_and_nothing_after_the_end(issuer: HttpIssuer) -> None:
    verifier = issuer.following()
    time.sleep(0.3)
    assert not issuer.asked
    token = issuer.token(USER)
    verifier.verify(token)
    verifier.close()
    with pytest.raises(RuntimeError):
        verifier.verify(token)
    time.sleep(1.5)
    asked = issuer.asked["/denylist"]
    time.sleep(1)
    assert issuer.asked["/denylist"] == asked


def test_a_revoked_token_is_refused_whatever_was_revoked(issuer: HttpIssuer) -> None:
    with issuer.following() as verifier:
        now = int(time.time())
        denials: list[tuple[dict[str, Any], Callable[[], None]]] = [
            ({"sid": SESSION}, lambda: issuer.deny(sid=SESSION)),
            ({"jti": "AAECAwQFBgcICQoLDA0ODw"}, lambda: issuer.deny(jti="AAECAwQFBgcICQoLDA0ODw")),
            (
                {"client_id": "notes"},
                lambda: issuer.deny_kind(kind="client", client_id="notes", issued_before=now + 61),
            ),
            ({"sub": "ada"}, lambda: issuer.deny_kind(kind="user", sub="ada", issued_before=now + 61)),
        ]
        for claims, denial in denials:
            token = issuer.token(**{"sub": USER, **claims})
            assert code(verifier, token) == "ok"
            denial()
            eventually(lambda: code(verifier, token) == "token_revoked")  # noqa: B023
        assert code(verifier, issuer.token(USER)) == "ok"
        staleness = verifier.staleness()
        assert staleness is not None and staleness < 6


def test_what_was_revoked_before_the_start_is_known_from_the_first_token_on(issuer: HttpIssuer) -> None:
    issuer.deny(sid=SESSION)
    with issuer.following() as verifier:
        assert code(verifier, issuer.token(USER, sid=SESSION)) == "token_revoked"


def test_a_new_key_is_fetched_when_a_token_names_it_and_unknown_keys_only_once_per_cooldown(
    issuer: HttpIssuer,
) -> None:
    with issuer.following(denylist="ignore", cooldown=60) as verifier:
        assert code(verifier, issuer.token(USER)) == "ok"
        old, old_kid = issuer.token(USER), issuer.kid
        issuer.rotate()
        assert code(verifier, issuer.token(USER)) == "ok", "the first token with a new key is accepted"
        assert old_kid != issuer.kid
        asked = issuer.asked["/jwks"]
        for _ in range(20):
            assert code(verifier, old) == "token_unknown_key"
        assert issuer.asked["/jwks"] == asked


def test_after_the_cooldown_an_unknown_key_is_looked_for_again(issuer: HttpIssuer) -> None:
    with issuer.following(denylist="ignore", cooldown=0.05) as verifier:
        verifier.verify(issuer.token(USER))
        for _ in range(3):
            issuer.rotate()
            time.sleep(0.06)
            assert code(verifier, issuer.token(USER)) == "ok"


def test_a_key_that_the_denylist_announces_is_there_before_its_first_token(issuer: HttpIssuer) -> None:
    with issuer.following(cooldown=3600) as verifier:
        verifier.verify(issuer.token(USER))
        # The old key goes on signing the feed, as at an issuer that publishes the next key early.
        old = issuer.jwks["keys"]
        issuer.jwks = {"keys": [*old, {**old[0], "kid": "another"}]}
        asked = issuer.asked["/jwks"]
        eventually(lambda: issuer.asked["/jwks"] > asked)
        eventually(lambda: verifier._keys.current is not None and "another" in verifier._keys.current.keys)


def test_keys_are_fetched_again_before_they_expire(issuer: HttpIssuer) -> None:
    issuer.max_age = 1
    with issuer.following(denylist="ignore") as verifier:
        verifier.verify(issuer.token(USER))
        eventually(lambda: issuer.asked["/jwks"] >= 3)
        assert any("if-none-match" in heard for heard in issuer.hears)
        assert code(verifier, issuer.token(USER)) == "ok"


def test_a_key_that_is_withdrawn_is_not_accepted_any_more_even_from_the_cache(issuer: HttpIssuer) -> None:
    issuer.max_age = 1
    with issuer.following(denylist="ignore") as verifier:
        token = issuer.token(USER)
        assert code(verifier, token) == "ok"
        issuer.rotate()
        eventually(lambda: code(verifier, token) == "token_unknown_key")


def test_while_the_issuer_is_down_a_service_that_starts_answers_503(issuer: HttpIssuer) -> None:
    token = issuer.token(USER)
    issuer.broken["/jwks"] = 500
    with issuer.following() as verifier:
        with pytest.raises(TokenError) as refused:
            verifier.authenticate(f"Bearer {token}")
        assert (refused.value.code, refused.value.status, refused.value.retry_after) == ("keys_unavailable", 503, 2)
        assert refused.value.challenge is None
        del issuer.broken["/jwks"]
        eventually(lambda: code(verifier, token) == "ok")


def test_the_modes_differ_when_the_denylist_is_out_of_reach(issuer: HttpIssuer) -> None:
    issuer.broken["/denylist"] = 503
    token = issuer.token(USER)
    modes: list[Any] = ["follow", Require(5), "ignore"]
    verifiers = [issuer.following(denylist=mode) for mode in modes]
    assert [code(verifier, token) for verifier in verifiers] == ["ok", "denylist_stale", "ok"]
    assert all(verifier.staleness() is None for verifier in verifiers)
    del issuer.broken["/denylist"]
    eventually(lambda: code(verifiers[1], token) == "ok")
    assert issuer.asked["/denylist"] > 0
    issuer.broken["/denylist"] = 503
    eventually(lambda: code(verifiers[1], token) == "denylist_stale")
    assert code(verifiers[0], token) == "ok"
    for verifier in verifiers:
        verifier.close()


def test_an_issuer_without_a_denylist_is_followed_as_far_as_it_goes(issuer: HttpIssuer) -> None:
    issuer.has_denylist = False
    with issuer.following() as verifier, issuer.following(denylist=Require(5)) as strict:
        assert code(verifier, issuer.token(USER)) == "ok"
        assert code(strict, issuer.token(USER)) == "denylist_stale"


def test_a_denial_of_an_unknown_kind_makes_the_copy_old_and_the_rest_counts(issuer: HttpIssuer) -> None:
    with issuer.following(denylist=Require(6)) as verifier:
        token = issuer.token(USER, sid=SESSION)
        assert code(verifier, token) == "ok"
        issuer.deny_kind(kind="device", device=7, exp=int(time.time()) + 25)
        issuer.deny(sid=SESSION)
        eventually(lambda: code(verifier, token) == "token_revoked")
        other = issuer.token(USER)
        eventually(lambda: code(verifier, other) == "denylist_stale")
        eventually(lambda: code(verifier, other) == "ok", 60)


def test_metadata_is_also_found_by_openid_connect_discovery(issuer: HttpIssuer) -> None:
    issuer.knows_oauth = False
    with issuer.following() as verifier:
        assert code(verifier, issuer.token(USER)) == "ok"


def test_a_redirect_is_not_followed(issuer: HttpIssuer) -> None:
    issuer.broken["/jwks"] = 302
    with issuer.following() as verifier:
        assert code(verifier, issuer.token(USER)) == "keys_unavailable"


def test_coroutines_wait_without_blocking_the_event_loop(issuer: HttpIssuer) -> None:
    token = issuer.token(USER)
    issuer.broken["/jwks"] = 500

    async def run() -> tuple[int, list[str]]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        async def one() -> str:
            try:
                return (await verifier.aauthenticate(f"Bearer {token}")).sub
            except TokenError as error:
                return error.code

        ticking = asyncio.ensure_future(tick())
        refused = await asyncio.gather(*(one() for _ in range(50)))
        del issuer.broken["/jwks"]
        while await one() == "keys_unavailable":
            await asyncio.sleep(0.05)
        accepted = await asyncio.gather(*(one() for _ in range(50)))
        ticking.cancel()
        return ticks, [*refused, *accepted]

    with issuer.following() as verifier:
        ticks, outcomes = asyncio.run(run())
    assert outcomes == ["keys_unavailable"] * 50 + [USER] * 50
    assert ticks > 20


def test_fixed_keys_need_no_issuer() -> None:
    for alg in ("ES256", "EdDSA", "RS256"):
        issuer = TestIssuer(alg=alg)
        pem = issuer._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        for verifier in (issuer.verifier(), Verifier(issuer.issuer, issuer.audience, pem=pem)):
            assert verifier.verify(issuer.token(USER)).sub == USER
            assert verifier.staleness() is None
        assert code(TestIssuer().verifier(), issuer.token(USER)) == "token_unknown_key"


def test_claims_and_refusals_can_be_copied_to_other_processes() -> None:
    issuer = TestIssuer()
    with issuer.verifier(realm="notes") as verifier:
        claims = verifier.verify(issuer.token(USER, roles=["a"], tenant={"name": "acme"}))
        copied = pickle.loads(pickle.dumps(claims))
        assert copied == copy.deepcopy(claims) == claims and hash(copied) == hash(claims)
        assert copied.payload == claims.payload
        with pytest.raises(TokenError) as refused:
            verifier.authenticate("Bearer x")
        error = pickle.loads(pickle.dumps(refused.value))
        assert (error.code, error.challenge, str(error)) == (
            "token_malformed",
            refused.value.challenge,
            refused.value.detail,
        )


def test_keys_at_a_url_are_fetched_without_metadata_and_no_denylist_is_followed(issuer: HttpIssuer) -> None:
    with Verifier("https://id.test", "x", jwks_url=f"{issuer.issuer}/jwks") as verifier:
        assert verifier.verify(issuer.token(USER, iss="https://id.test", aud="x")).sub == USER
    assert set(issuer.asked) == {"/jwks"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"issuer": "id.test"},
        {"issuer": "http://id.test"},
        {"issuer": "ftp://127.0.0.1"},
        {"audience": []},
        {"leeway": 61},
        {"leeway": -1},
        {"denylist": "never"},
        {"denylist": Require(5), "jwks_url": "https://id.test/jwks"},
        {"jwks": "{}"},
        {"pem": "no PEM"},
        {"realm": "two\nlines"},
        {"problem_types": "two words"},
        {"resource": "notes"},
        {"resource": "https://api.test/#a"},
        {"root_certificates": "none"},
    ],
)
def test_arguments_that_cannot_be_used_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Verifier(**{"issuer": "https://id.test", "audience": "https://api.test", **arguments})


def test_plain_http_is_allowed_when_asked_for() -> None:
    Verifier("http://tokensmith:8080", "x", allow_http=True)


def test_a_denial_that_arrives_during_the_verification_counts(issuer: HttpIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    with issuer.following() as verifier:
        assert verifier.verify(issuer.token("ada"))
        feed = verifier._feed
        assert feed is not None
        feed.stop()
        denies, feed._is_settled = feed.denied.denies, False

        def slowly(claims: Claims) -> bool:
            is_denied = denies(claims)
            feed.denied.add_token(claims.jti, claims.exp)
            feed._is_settled = True
            return is_denied

        monkeypatch.setattr(feed.denied, "denies", slowly)
        assert code(verifier, issuer.token("ada")) == "token_revoked"


def test_a_thread_that_cannot_be_started_is_started_with_the_next_token(
    issuer: HttpIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError(f"can't start {thread.name}")

    with issuer.following() as verifier:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError):
                verifier.verify(issuer.token("ada"))
        assert verifier.verify(issuer.token("ada")).sub == "ada"


@pytest.mark.parametrize("within", [0, -1, float("nan")])
def test_a_copy_of_no_age_cannot_be_required(within: float) -> None:
    with pytest.raises(ValueError):
        Require(within)
