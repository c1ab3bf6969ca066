"""The signed name of a call in a page's address."""

from __future__ import annotations

import uuid

from django.core import signing

SALT = "llm.call"
VALID_SECONDS = 7 * 86_400


def issue(call_id: uuid.UUID) -> str:
    """A token that lets its holder read the answer of this call for seven days."""
    return signing.dumps(call_id.hex, salt=SALT)


def read(token: str) -> uuid.UUID:
    """The call of a token. Raises django.core.signing.BadSignature for a forged, broken or old one."""
    return uuid.UUID(signing.loads(token, salt=SALT, max_age=VALID_SECONDS))
