"""The rows of one study as they lie in the database, streamed in a fixed number of queries.

Only people of the study's own mode are read: a rehearsal never mixes with a pilot or a real run, and previews are in no
table. Erased payloads are passed over; the person stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from study.advice.actions import verdicts
from study.protocol.types import Arm, Protocol
from study.registration.frozen import protocol_of
from study.registration.models import Study
from study.session.models import Session, Submission, TraceEvent

CHUNK = 2000


@dataclass(frozen=True)
class Person:
    """One participant's session with what was drawn for it. `arm` is None before a slot was claimed.

    verdicts: the option that a live answer gave, by the id of its call, where a model was asked for it.
    """

    session: Session
    protocol: Protocol
    verdicts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return self.session.participant.code

    @property
    def arm(self) -> Arm | None:
        slot = self.session.slot
        return self.protocol.arms_by_id[slot.arm] if slot else None

    @property
    def item_order(self) -> list[str]:
        slot = self.session.slot
        return list(slot.item_order) if slot else []

    @property
    def hedged(self) -> frozenset[str]:
        slot = self.session.slot
        return frozenset(slot.hedged) if slot else frozenset()

    @property
    def late(self) -> bool:
        """Finished after the slot had gone back and somebody else had taken it."""
        session = self.session
        finished = session.outcome == Session.Outcome.COMPLETE
        return bool(finished and session.slot and session.slot.holder_id != session.pk)


class Page(NamedTuple):
    """One accepted page."""

    session_id: UUID
    number: int
    page: str
    attempt: int
    payload: Any
    shown_at: datetime
    received_at: datetime

    @property
    def stage(self) -> str:
        return self.page.split(".", 1)[0]

    @property
    def parts(self) -> list[str]:
        return self.page.split(".")

    @property
    def seconds(self) -> float:
        """From first served to accepted, by the server's clock."""
        return (self.received_at - self.shown_at).total_seconds()


@dataclass
class Noticed:
    """What the browser noticed on one page, over all its loads."""

    hidden_ms: float = 0.0
    left: int = 0
    pastes: int = 0
    seen: bool = False
    _hidden_since: dict[str, float] = field(default_factory=dict)

    def add(self, load: str, kind: str, client_ms: float) -> None:
        """Take in one event; events come in the order of their load and number."""
        self.seen = True
        if kind == "hidden":
            self.left += 1
            self._hidden_since[load] = client_ms
        elif kind in ("visible", "submit") and load in self._hidden_since:
            self.hidden_ms += max(0.0, client_ms - self._hidden_since.pop(load))
        elif kind == "paste":
            self.pastes += 1


@dataclass
class Traces:
    """Everything noticed in a study: by session and page, and links opened by session and item."""

    pages: dict[tuple[UUID, str], Noticed]
    links: dict[tuple[UUID, str], int]

    def on(self, session_id: UUID, page: str) -> Noticed:
        """What was noticed on that page; nothing, where nothing was reported."""
        return self.pages.get((session_id, page), Noticed())


def people(study: Study) -> list[Person]:
    """Everybody of the study's own mode, in the order of arrival. One query, one a registration a process, and one more
    where a model was asked what live answers say."""
    sessions = (
        Session.objects.counted()
        .filter(study=study, participant__source=study.mode)
        .select_related("participant", "slot", "registration")
        .defer("registration__canonical")
        .order_by("started_at", "id")
    )
    found = [(s, protocol_of(s.registration_id)) for s in sessions if s.registration_id is not None]
    asked = any(protocol.live and protocol.live.verdict == "extracted" for _, protocol in found)
    extracted = verdicts(study.pk) if asked else {}
    return [Person(session, protocol, extracted) for session, protocol in found]


def _counted(study: Study, of: Sequence[UUID] | None) -> dict[str, Any]:
    """Which rows count: those of these sessions, or of everybody of the study's own mode."""
    if of is not None:
        return {"session__in": of}
    return {
        "session__study": study,
        "session__participant__source": study.mode,
        "session__preview_arm": "",
    }


def pages(study: Study, of: Sequence[UUID] | None = None) -> Iterator[tuple[UUID, list[Page]]]:
    """Each session's accepted pages in order, erased ones left out. One query, streamed. of: these sessions only."""
    rows = (
        Submission.objects.filter(**_counted(study, of), payload__isnull=False)
        .order_by("session_id", "number")
        .values_list("session_id", "number", "page", "attempt", "payload", "shown_at", "received_at")
    )
    found = (Page(*row) for row in rows.iterator(chunk_size=CHUNK))
    for session_id, group in groupby(found, key=attrgetter("session_id")):
        yield session_id, list(group)


def events(
    study: Study, of: Sequence[UUID] | None = None
) -> Iterator[tuple[UUID, str, str, int, str, float, datetime, dict[str, Any]]]:
    """Every trace event (session, page, load, number, kind, client_ms, received_at, data). One query, streamed."""
    rows = TraceEvent.objects.filter(**_counted(study, of)).order_by("session_id", "load", "number")
    names = ("session_id", "page", "load", "number", "kind", "client_ms", "received_at", "data")
    return rows.values_list(*names).iterator(chunk_size=CHUNK)


def noticed(study: Study, of: Sequence[UUID] | None = None) -> Traces:
    """All trace events summed up by page. One query, streamed. Links are those the server itself saw opened."""
    by_page: dict[tuple[UUID, str], Noticed] = defaultdict(Noticed)
    links: dict[tuple[UUID, str], int] = defaultdict(int)
    for session_id, page, load, _number, kind, client_ms, _at, data in events(study, of):
        if kind == "link":
            if "item" in data:
                links[session_id, str(data["item"])] += 1
            continue
        by_page[session_id, page].add(load, kind, client_ms)
    return Traces(dict(by_page), dict(links))
