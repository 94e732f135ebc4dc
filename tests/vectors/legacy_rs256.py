"""Makes `legacy_rs256.pem` and `legacy_rs256.jwt`, with PyJWT as simplejwt does: `pip install 'pyjwt[crypto]==2.15.1'`."""

from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

here = Path(__file__).parent
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
claims = {"token_type": "refresh", "exp": 1800001000, "iat": 1799999990, "jti": "5b7584e94d92470d9887390935da8417", "user_id": "42"}
here.joinpath("legacy_rs256.jwt").write_text(jwt.encode(claims, key, "RS256") + "\n")
public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
here.joinpath("legacy_rs256.pem").write_bytes(public)
