"""Every case of the conformance corpus, which all verifiers of tokensmith's tokens judge alike."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from tokensmith import TokenError, Verifier
from tokensmith._denied import DeniedSet
from tokensmith._denylist import Page
from tokensmith._feed import Feed
from tokensmith._http import HttpClient
from tokensmith._issuer import IssuerClient, read_metadata
from tokensmith._jwk import read_keys
from tokensmith._keys import FixedKeys

FOLDER = Path(os.environ.get("TOKENSMITH_CORPUS") or Path(__file__).resolve().parents[2] / "corpus")
LATER = 2**40

Case = dict[str, Any]


def token_of(value: Any) -> str:
    """A text, or a list of texts and of `[text, count]`."""
    if isinstance(value, str):
        return value
    return "".join(item if isinstance(item, str) else item[0] * item[1] for item in value)


def feed(verifier: Verifier, now: int) -> Feed:
    """A feed that is complete and fresh, and follows nothing."""
    made = Feed(IssuerClient(HttpClient()), verifier.issuer, verifier._keys, lambda: now, None)
    made._is_settled, made._known_at = True, time.monotonic()
    return made


def denied_set(denied: Case) -> DeniedSet:
    made = DeniedSet()
    for sid in denied.get("sid", []):
        made.add_session(sid, LATER)
    for jti in denied.get("jti", []):
        made.add_token(jti, LATER)
    for kind in denied.get("kinds", []):
        made.add_issued(kind["kind"], kind["id"], kind["before"], LATER)
    return made


def verifier_of(case: Case, **arguments: Any) -> Verifier:
    return Verifier(case["issuer"], case["audiences"], leeway=case.get("leeway", 0), clock=lambda: case["now"], **arguments)


def outcome(judge: Callable[[], Any]) -> Any:
    """The result, or the code of the refusal."""
    try:
        return judge()
    except TokenError as error:
        return error.code


def check_tokens(case: Case) -> None:
    verifier = verifier_of(case, jwks=case["jwks"])
    if "denied" in case:
        verifier._feed = feed(verifier, case["now"])
        verifier._feed.denied = denied_set(case["denied"])
    token = token_of(case["token"])
    for _ in range(2):  # The second time from the cache.
        judged = outcome(lambda: dict(verifier.verify(token).payload))
        assert judged == (case["claims"] if case["expected"] == "ok" else case["expected"])


def check_jwks(case: Case) -> None:
    try:
        usable = sorted(read_keys(case["document"]))
    except ValueError:
        assert case["expected"] == "refused"
        return
    assert (case["expected"], sorted(case["usable"])) == ("ok", usable)
    for asked in case.get("tokens", []):
        verifier = verifier_of({**case, **asked}, jwks=case["document"])
        assert outcome(lambda: verifier.verify(token_of(asked["token"])) and "ok") == asked["expected"]  # noqa: B023


def check_denylist(case: Case) -> None:
    verifier = Verifier(case["issuer"], "unused", jwks=case["jwks"], clock=lambda: case["now"])
    assert isinstance(verifier._keys, FixedKeys)
    follower = feed(verifier, case["now"])
    pages: list[Page] = []

    def read(document: Any) -> str:
        pages.append(follower.read(token_of(document)))
        return "ok"

    judged = "ok"
    for document in case["documents"]:
        assert judged == "ok", "only the last one is refused"
        judged = outcome(lambda: read(document))  # noqa: B023
    assert judged == case["expected"]
    denied, expected = follower.denied, denied_set(case["denied"])
    assert denied._sessions.keys() == expected._sessions.keys()
    assert denied._tokens.keys() == expected._tokens.keys()
    latest = {subject: max(known) for subject, known in denied._issued.items()}
    assert latest == {subject: max(known) for subject, known in expected._issued.items()}
    assert follower._cursor == case["cursor"]
    is_known = follower._incomplete_until is None or case["now"] >= follower._incomplete_until
    is_complete = judged == "ok" and not pages[-1].more and is_known
    assert is_complete == case["complete"]
    if is_complete:
        assert pages[-1].lag(case["now"]) == case["lag"]


def check_metadata(case: Case) -> None:
    try:
        found = read_metadata(case["document"], case["issuer"])
    except ValueError:
        assert case["expected"] == "refused"
        return
    assert (case["expected"], case["jwks_uri"], case["denylist_uri"]) == ("ok", *found)


def check_requests(case: Case) -> None:
    verifier = verifier_of(
        case, jwks=case["jwks"], realm=case.get("realm"), resource=case.get("resource"), scopes=case.get("scopes", ())
    )
    if "denied" in case:
        verifier._feed = feed(verifier, case["now"])
        verifier._feed.denied = denied_set(case["denied"])
    headers = [value for name, value in case["headers"] if name.lower() == "authorization"]
    answer: tuple[int, str | None, str | None] = (200, None, None)
    try:
        claims = verifier.authenticate(headers)
        verifier.require(claims, role=case.get("role"), scope=case.get("scope"), login=case.get("login", False))
    except TokenError as error:
        answer = (error.status, error.code, error.challenge)
        assert error.problem["code"] == error.code and error.problem["status"] == error.status
    status, code, challenge = answer
    assert (status, code) == (case["status"], case["code"])
    if code == "invalid_request" and challenge and case["www_authenticate"]:
        before, wanted = (text.partition("error_description=")[0] for text in (challenge, case["www_authenticate"]))
        assert before == wanted
    else:
        assert challenge == case["www_authenticate"]


def check_resource(case: Case) -> None:
    try:
        resource = Verifier(case["issuer"], "unused", resource=case["resource"], scopes=case.get("scopes", ())).resource
    except ValueError:
        assert case["expected"] == "refused"
        return
    assert resource is not None
    assert case["expected"] == "ok"
    assert (resource.metadata_url, resource.path) == (case["metadata_url"], case["path"])
    assert resource.metadata == case["metadata"]


CHECKS = {
    "tokens": check_tokens,
    "jwks": check_jwks,
    "denylist": check_denylist,
    "metadata": check_metadata,
    "requests": check_requests,
    "resource": check_resource,
}


def cases() -> list[Any]:
    found = []
    for file in sorted(FOLDER.glob("*.json")):
        document = json.loads(file.read_text())
        shared = {name: value for name, value in document.items() if name not in ("cases", "description")}
        for case in document["cases"]:
            found.append(pytest.param(file.stem, {**shared, **case}, id=f"{file.stem}: {case['name']}"))
    return found


def test_the_corpus_is_there() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == CHECKS.keys()


@pytest.mark.parametrize(("file", "case"), cases())
def test_case(file: str, case: Case) -> None:
    CHECKS[file](case)
