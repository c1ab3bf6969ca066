"""Client events: shown, hidden, focus, paste, keystrokes, link opened, answer changed. They inform, never decide."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from study.session import statements
from study.session.models import Session

KINDS = frozenset(
    {"shown", "hidden", "visible", "focus", "blur", "paste", "keys", "link", "change", "submit", "resize"}
)
MOST_EVENTS = 200
MOST_BYTES = 64_000
MOST_DATA = 500


class BadTrace(ValueError):
    """A batch that is not of the documented form; the message says what was expected."""


def parse(body: str | bytes) -> dict[str, Any]:
    """A batch `{"page", "load", "events": [{"n", "kind", "ms", "data"}]}` from untrusted text. Raises BadTrace."""
    if len(body) > MOST_BYTES:
        raise BadTrace(f"a batch has at most {MOST_BYTES} bytes")
    try:
        batch = json.loads(body)
    except (ValueError, RecursionError):
        raise BadTrace("a batch is one JSON object") from None
    match batch:
        case {"page": str(page), "load": str(load), "events": [*events]}:
            if not (len(page) <= 160 and 0 < len(load) <= 16 and len(events) <= MOST_EVENTS):
                raise BadTrace(f"page, load or number of events too long (at most {MOST_EVENTS} events)")
            if "\x00" in page + load:
                raise BadTrace("page and load are plain text")
            return {"page": page, "load": load, "events": [_event(event) for event in events]}
    raise BadTrace("a batch has page, load and events")


def _event(event: Any) -> dict[str, Any]:
    match event:
        case {"n": int(number), "kind": str(kind), "ms": int() | float() as milliseconds}:
            data = event.get("data") or {}
            text = json.dumps(data)
            if kind not in KINDS or not 0 < number < 2**31 or not 0 <= milliseconds < 1e10:
                raise BadTrace(f"an event's kind is one of {', '.join(sorted(KINDS))}; n from 1; ms from 0")
            if not isinstance(data, dict) or len(text) > MOST_DATA or "\\u0000" in text:
                raise BadTrace(f"an event's data is a small object of at most {MOST_DATA} characters")
            return {"number": number, "kind": kind, "client_ms": float(milliseconds), "data": data}
    raise BadTrace("an event has n (integer), kind and ms (number)")


def store(session: Session, batch: dict[str, Any], received_at: datetime) -> int:
    """Store a parsed batch in one statement; events that are already there (a retry) are passed over."""
    if batch["events"]:
        statements.trace(session, batch["page"], batch["load"], batch["events"], received_at)
    return len(batch["events"])
