"""The hash chain of one session's submissions, so that a stranger can check that none was changed or removed.

commitment = sha256(salt + RFC 8785 canonical JSON of the payload)
link       = sha256(previous link | number | page | attempt | shown_at | received_at | commitment), fields joined by
             one newline, times as ISO 8601 in UTC with microseconds; the first link's previous is the empty string.
An erasure removes payload and salt; commitment and link stay, so the chain still verifies.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

import rfc8785


def commitment(salt: str, payload: dict[str, Any]) -> str:
    """Hex sha256 that commits to the payload without revealing it (salt: 32 hex digits)."""
    return hashlib.sha256(salt.encode() + rfc8785.dumps(payload)).hexdigest()


def link(
    previous: str,
    *,
    number: int,
    page: str,
    attempt: int,
    shown_at: datetime,
    received_at: datetime,
    commitment: str,
) -> str:
    """Hex sha256 of a submission chained to the one before it."""
    fields = [previous, str(number), page, str(attempt), stamp(shown_at), stamp(received_at), commitment]
    return hashlib.sha256("\n".join(fields).encode()).hexdigest()


def stamp(moment: datetime) -> str:
    """A time as it enters the chain: 2026-01-31T12:00:00.000000+00:00."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
