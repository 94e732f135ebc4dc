"""JSON as strictly as the issuer's own code reads it: one object, in UTF-8, with each member once
(RFC 7515 section 4, RFC 7519 section 4)."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from typing import Any

#: Deeper documents are refused.
MAX_DEPTH = 127

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_INTEGERS = range(-(2**63), 2**64)


def decode_base64url(text: str) -> bytes:
    """The bytes of unpadded base64url (RFC 7515 section 2); ValueError if there is another way to write them."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if encode_base64url(decoded) != text:
        raise ValueError("not base64url in its only form")
    return decoded


def encode_base64url(data: bytes) -> str:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def read_object(data: bytes) -> dict[str, Any]:
    """The object that the bytes hold; ValueError if they hold anything else, or a member twice."""
    text = data.decode("utf-8")
    if not text.startswith("{"):
        raise ValueError("not an object")
    value: dict[str, Any] = read_document(text, unique=True)
    return value


def read_document(text: str, unique: bool = False) -> Any:
    """The value of a JSON text; ValueError if it is none. `unique`: no object has a member twice."""
    pairs = _without_duplicates if unique else None
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=_refused, object_pairs_hook=pairs)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    _check(value, 0)
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is out of range")
    return number


def _integer(text: str) -> int | float:
    # Parsers with 64 bits read these as floating-point numbers, which no time and no id is.
    if text == "-0" or len(text) > 20:
        return _number(text)
    number = int(text)
    return number if number in _INTEGERS else _number(text)


def _check(value: Any, depth: int) -> None:
    """Refuses what is nested too deeply, and texts that are not Unicode (a surrogate without its other half)."""
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, (dict, list)):
        if depth >= MAX_DEPTH:
            raise ValueError("nested too deeply")
        if isinstance(value, dict):
            for name in value:
                name.encode("utf-8")
        for inner in value.values() if isinstance(value, dict) else value:
            _check(inner, depth + 1)
