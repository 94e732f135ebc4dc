"""What several tests use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .http_issuer import HttpIssuer


@pytest.fixture
def issuer() -> Iterator[HttpIssuer]:
    made = HttpIssuer()
    yield made
    made.stop()
