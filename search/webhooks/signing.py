"""A message to a receiver is signed with a secret that only the two sides know.

The secret is not stored: it is worked out of a random seed in the row and SECRET_KEY. Who reads the database or a
backup of it cannot sign. With another SECRET_KEY the secret is another one; a fingerprint tells, and nothing is sent.
"""

import base64
import hashlib
import hmac
import secrets

from django.utils.crypto import salted_hmac

_SALT = "search.webhooks"
_FINGERPRINT_LENGTH = 16


def new_seed() -> str:
    return secrets.token_urlsafe(32)


def secret_of(seed: str) -> str:
    digest = salted_hmac(_SALT, seed, algorithm="sha256").digest()
    return "whsec_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def fingerprint(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:_FINGERPRINT_LENGTH]


def signature(secret: str, body: bytes, *, at: int) -> str:
    """`t=<Unix time>,v1=<hex>`: HMAC-SHA256 of "<t>.<body>". A receiver compares in constant time, and refuses what is
    older than five minutes: so nobody can send an old message again."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"
