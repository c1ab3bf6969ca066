"""Power of the shipped protocols, simulated once when they were written: `manage.py protocol power` makes the file.

A simulation depends on nothing but the document (its seed is in it) and the number of runs, so what was simulated
elsewhere holds here. It is found by the document's hash: for a document that was changed in any way there is none.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from study.protocol import Protocol, sha256

FILE = Path(__file__).with_name("known_power.json")


def known_power(protocol: Protocol) -> dict[str, Any] | None:
    """The result of `study.registration.power.simulate` for exactly this document, marked as `shipped`; or None."""
    return known_power_of(sha256(protocol))


def known_power_of(digest: str) -> dict[str, Any] | None:
    """The same, by the document's hash."""
    found = _all().get(digest)
    return found | {"shipped": True} if found else None


@cache
def _all() -> dict[str, dict[str, Any]]:
    return {found["sha256"]: found for found in json.loads(FILE.read_text(encoding="utf-8"))}
