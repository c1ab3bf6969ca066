"""A participant's own copy of everything that is stored about their session."""

from __future__ import annotations

from typing import Any

from study.session.chain import stamp
from study.session.visit import Visit


def own_copy(visit: Visit) -> dict[str, Any]:
    """Answers, times and receipts of one session as plain data. The arm is named only after the end.

    A page's salt opens its commitment: with it `verify.py --copy` shows that a published page holds these answers, also
    where the bundle withholds them.
    """
    session = visit.session
    return {
        "study": visit.walk.protocol.say(visit.walk.protocol.title, visit.walk.language),
        "participant": session.participant.code,
        "started_at": stamp(session.started_at),
        "ended_at": stamp(session.ended_at) if session.ended_at else None,
        "outcome": session.outcome or "under way",
        "arm": visit.walk.arm.label if visit.walk.arm and session.outcome else None,
        "withdrawn_at": stamp(session.withdrawn_at) if session.withdrawn_at else None,
        "erased_at": stamp(session.erased_at) if session.erased_at else None,
        "receipt": session.head,
        "answers": [
            {
                "page": row.page,
                "attempt": row.attempt,
                "answers": row.payload,
                "shown_at": stamp(row.shown_at),
                "received_at": stamp(row.received_at),
                "receipt": row.link,
                "salt": row.salt,
            }
            for row in session.submissions.order_by("number")
        ],
        "browser_events": session.events.count(),
    }
