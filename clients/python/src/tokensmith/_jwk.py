"""The published keys: a JWK Set (RFC 7517 section 5)."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any, NamedTuple, Union

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from ._json import decode_base64url, encode_base64url, read_document

log = logging.getLogger("tokensmith")

PublicKey = Union[EllipticCurvePublicKey, Ed25519PublicKey, RSAPublicKey]

#: By `kid`, then by algorithm: a key has one algorithm, and the token only repeats it (RFC 8725 section 3.1).
Keys = dict[str, dict[str, PublicKey]]

#: `kty` and `crv` of a key, by its algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1).
KEY_TYPES = {"ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519"), "RS256": ("RSA", None)}

#: Members that only private or symmetric keys have (RFC 7518 sections 6.2.2, 6.3.2 and 6.4).
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

#: Coordinates of P-256 and public keys of Ed25519.
COORDINATE_BYTES = 32

#: 2048 to 8192 bits (RFC 7518 section 3.3).
RSA_MODULUS_BYTES = range(256, 1025)


class UsableKey(NamedTuple):
    """A key, its name and its one algorithm."""

    kid: str
    alg: str
    key: PublicKey


def algorithm(name: str) -> str:
    """The name of an algorithm as it is used here: `Ed25519` (RFC 9864 section 2.2) means the same as `EdDSA`."""
    return "EdDSA" if name == "Ed25519" else name


def read_keys(text: str) -> Keys:
    """The usable keys of a JWK Set; ValueError if there are none.

    A key that cannot be used is left out without affecting others (RFC 7517 section 5). Keys of different algorithms
    may share a `kid` (section 4.5); of two with the same algorithm the first is kept.
    """
    document = read_document(text)
    jwks = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(jwks, list):
        raise ValueError("it is not a JWK Set")
    keys: Keys = {}
    for index, jwk in enumerate(jwks):
        try:
            kid, alg, key = read_jwk(jwk)
        except (ValueError, UnsupportedAlgorithm) as why:
            log.debug("key %d of the JWK Set is left out: %s", index, why)
        else:
            keys.setdefault(kid, {}).setdefault(alg, key)
    if not keys:
        raise ValueError("there is no key in it for ES256, EdDSA or RS256")
    return keys


def read_jwk(jwk: Any) -> UsableKey:
    """A key that verifies access tokens; ValueError says why it is none."""
    if not isinstance(jwk, dict):
        raise ValueError("it is not an object")
    kid, alg = jwk.get("kid"), jwk.get("alg")
    if not isinstance(kid, str):
        raise ValueError("it has no kid")
    alg = algorithm(alg) if isinstance(alg, str) else ""
    if alg not in KEY_TYPES:
        raise ValueError("its alg is not known here")
    if PRIVATE_MEMBERS & jwk.keys():
        raise ValueError("its private half is published with it")
    if not _is_for_signatures(jwk):
        raise ValueError("its use or key_ops is another one")
    kty, crv = KEY_TYPES[alg]
    if jwk.get("kty") != kty or (crv and jwk.get("crv") != crv):
        raise ValueError("its kty or crv is not that of its alg")
    return UsableKey(kid, alg, _KEYS[alg](jwk))


def read_pem(pem: str) -> Keys:
    """One public key in PEM. Its `kid` is its thumbprint (RFC 7638), as everywhere."""
    try:
        key = load_pem_public_key(pem.encode())
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    jwk = jwk_of(key)
    kid, alg, read = read_jwk({**jwk, "kid": thumbprint(jwk)})
    return {kid: {alg: read}}


def jwk_of(key: Any) -> dict[str, str]:
    """The members of a public key, and its one algorithm."""
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
        x, y = point[:COORDINATE_BYTES], point[COORDINATE_BYTES:]
        return {"alg": "ES256", "kty": "EC", "crv": "P-256", "x": encode_base64url(x), "y": encode_base64url(y)}
    if isinstance(key, Ed25519PublicKey):
        x = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"alg": "EdDSA", "kty": "OKP", "crv": "Ed25519", "x": encode_base64url(x)}
    if isinstance(key, RSAPublicKey):
        numbers = key.public_numbers()
        n, e = (number.to_bytes((number.bit_length() + 7) // 8, "big") for number in (numbers.n, numbers.e))
        return {"alg": "RS256", "kty": "RSA", "n": encode_base64url(n), "e": encode_base64url(e)}
    raise ValueError("it is not a key for ES256, EdDSA or RS256")


def thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638 section 3: a digest of the required members, in their order."""
    required = {name: jwk[name] for name in sorted(jwk) if name in {"crv", "e", "kty", "n", "x", "y"}}
    return encode_base64url(hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest())


def entity_tag(text: str) -> str:
    """The entity tag that the issuer announces for a JWK Set: a digest of its text."""
    return f'"{encode_base64url(hashlib.sha256(text.encode()).digest())}"'


def _is_for_signatures(jwk: dict[str, Any]) -> bool:
    """RFC 7517 sections 4.2 and 4.3: either may be missing; they must agree, and no operation may be named twice."""
    if "use" in jwk and jwk["use"] != "sig":
        return False
    if "key_ops" not in jwk:
        return True
    ops = jwk["key_ops"]
    if not isinstance(ops, list) or not all(isinstance(op, str) for op in ops) or "verify" not in ops:
        return False
    return len(set(ops)) == len(ops) and ("use" not in jwk or set(ops) <= {"sign", "verify"})


def _parameter(jwk: dict[str, Any], name: str) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str):
        raise ValueError("a parameter is missing or not base64url")
    return decode_base64url(text)


def _coordinate(jwk: dict[str, Any], name: str) -> bytes:
    """RFC 7518 section 6.2.1.2: always the full length."""
    coordinate = _parameter(jwk, name)
    if len(coordinate) != COORDINATE_BYTES:
        raise ValueError("a coordinate has another length than its curve's")
    return coordinate


def _es256(jwk: dict[str, Any]) -> PublicKey:
    x, y = (int.from_bytes(_coordinate(jwk, name), "big") for name in ("x", "y"))
    return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()


def _eddsa(jwk: dict[str, Any]) -> PublicKey:
    x = _coordinate(jwk, "x")
    if not _is_on_ed25519(x):
        raise ValueError("it is no point of its curve")
    return Ed25519PublicKey.from_public_bytes(x)


def _is_on_ed25519(encoded: bytes) -> bool:
    """RFC 8032 section 5.1.3: whether the bytes decode to a point. The crypto library checks it only when it verifies."""
    p = 2**255 - 19
    d = -121665 * pow(121666, p - 2, p) % p
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    if y >= p:
        return False
    x2 = (y * y - 1) * pow(d * y * y + 1, p - 2, p) % p
    is_negative = encoded[-1] >> 7
    return not is_negative if x2 == 0 else pow(x2, (p - 1) // 2, p) == 1


def _rs256(jwk: dict[str, Any]) -> PublicKey:
    n, e = _parameter(jwk, "n"), _parameter(jwk, "e")
    # RFC 7518 section 2: Base64urlUInt has no leading zeros.
    if not n or n[0] == 0 or n[-1] % 2 == 0 or len(n) not in RSA_MODULUS_BYTES:
        raise ValueError("its modulus is no RSA modulus of 2048 to 8192 bits")
    if not e or e[0] == 0 or e[-1] % 2 == 0 or e == b"\x01":
        raise ValueError("its exponent is no RSA exponent")
    return RSAPublicNumbers(int.from_bytes(e, "big"), int.from_bytes(n, "big")).public_key()


_KEYS = {"ES256": _es256, "EdDSA": _eddsa, "RS256": _rs256}
