"""How many tokens a verifier verifies per second on one thread: `python -m tests.rate`."""

from __future__ import annotations

import time

from tokensmith import Verifier
from tokensmith.testing import TestIssuer


def rate(verifier: Verifier, token: str, count: int) -> float:
    begun = time.perf_counter()
    for _ in range(count):
        verifier.verify(token)
    return count / (time.perf_counter() - begun)


for alg in ("ES256", "EdDSA", "RS256"):
    issuer = TestIssuer(alg=alg)
    token = issuer.token("019a0000-0000-7000-8000-000000000001", roles=["admin"])
    known, unknown = rate(issuer.verifier(), token, 100_000), rate(issuer.verifier(cache_size=0), token, 5_000)
    print(f"{alg}: {known:.0f}/s of a token that was seen before, {unknown:.0f}/s of new ones")
