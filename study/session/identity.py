"""Panel ids live apart from answers: encrypted at rest, found again by a keyed hash."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid

from cryptography.fernet import Fernet
from django.conf import settings

LONGEST_ID = 200


def _key(purpose: str) -> bytes:
    secret = getattr(settings, "HEED_IDENTITY_KEY", "") or settings.SECRET_KEY
    return hmac.new(str(secret).encode(), f"heed.identity.{purpose}".encode(), hashlib.sha256).digest()


def fingerprint(study_id: uuid.UUID, person: str) -> str:
    """A keyed hash of a person's panel id within one study: equal for the same person, useless without the key."""
    return hmac.new(_key("fingerprint"), f"{study_id}\n{person}".encode(), hashlib.sha256).hexdigest()


def seal(ids: dict[str, str]) -> bytes:
    """The panel's ids, encrypted."""
    return _box().encrypt(json.dumps(ids, sort_keys=True).encode())


def unseal(sealed: bytes) -> dict[str, str]:
    """The ids again. Raises cryptography.fernet.InvalidToken when the key is another."""
    opened: dict[str, str] = json.loads(_box().decrypt(bytes(sealed)))
    return opened


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_key("seal")))
