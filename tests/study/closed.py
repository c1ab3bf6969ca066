"""One little study, walked by a few people and closed."""

from __future__ import annotations

import numpy as np
from django.utils import timezone

from study.protocol.types import Protocol
from study.registration import actions
from study.registration.models import Study
from study.session import actions as session_actions
from study.session.models import Session, TraceEvent
from tests import factories
from tests.study.people import as_assumed, walk


def walked(protocol: Protocol | None = None, *, mode: str = "rehearsal", close: bool = True) -> Study:
    """One who declined, one who left, one who withdrew and was erased, one preview; all others completed.

    They are as many as the protocol has places, less one. The first who completed was wrong once in the comprehension
    check and left traces on a page.
    """
    protocol = protocol or factories.tiny()
    study = factories.collecting(protocol, mode=mode)
    rng = np.random.default_rng(7)
    choose = as_assumed(protocol, rng)
    walk(study, rng, choose=lambda visit, question: "no" if question.id == "agreed" else None)
    walk(study, rng, choose=choose, pages=5)
    erased = walk(study, rng, choose=choose, pages=6)
    session_actions.withdraw(token=erased.token, erase=True)
    notice(walk(study, rng, choose=lambda v, q: wrong_at_first(v, q) or choose(v, q)))
    for _ in range(protocol.sample.target - 2):
        walk(study, rng, choose=choose)
    session_actions.preview(study=study, arm=protocol.arms[0].id, language="en")
    if close:
        actions.close(study=study, by=None)
    return study


def wrong_at_first(visit, question):
    """Somebody who does not read: every statement is false, on the first try."""
    return "false" if visit.page.kind == "comprehension" and visit.session.attempt == 1 else None


def notice(session: Session) -> None:
    """Traces on one final page: left twice (2 s and until the submit), one paste, and a source opened by link."""
    item = session.slot.item_order[0]
    page = f"tasks.{item}.final"
    told = [
        ("shown", 0),
        ("hidden", 1000),
        ("visible", 3000),
        ("paste", 3500),
        ("hidden", 4000),
        ("submit", 4500),
    ]
    now = timezone.now()
    rows = [
        TraceEvent(session=session, page=page, load="a", number=n, kind=kind, client_ms=ms, received_at=now)
        for n, (kind, ms) in enumerate(told, start=1)
    ]
    rows.append(
        TraceEvent(session=session, page=item, load="s1", number=1, kind="link", client_ms=5, received_at=now,
                   data={"item": item, "source": 1})
    )  # fmt: skip
    TraceEvent.objects.bulk_create(rows)
