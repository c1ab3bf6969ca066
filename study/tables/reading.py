"""The rows of one study as they lie in the database, a few hundred people at a time, three queries each time. Each of a
million values costs time: the driver turns them into what they are (binary, in C), not Django one by one, and sums and
texts that the database can make are made there.

Only people of the study's own mode are read: a rehearsal never mixes with a pilot or a real run, and previews are in no
table. Erased payloads are passed over; the person stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import psycopg
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from study.advice.actions import verdicts
from study.protocol.types import Arm, Protocol
from study.registration.frozen import protocol_of
from study.registration.models import Study
from study.session.models import Session, Submission, TraceEvent

CHUNK = 2000
PEOPLE_AT_ONCE = 250
R = TypeVar("R")  # something with a session_id


@dataclass(frozen=True)
class Person:
    """One participant's session with what was drawn for it. `arm` is None before a slot was claimed.

    verdicts: the option that a live answer gave, by the id of its call, where a model was asked for it.
    """

    session: Session
    protocol: Protocol
    verdicts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def code(self) -> str:
        return self.session.participant.code

    @cached_property
    def arm(self) -> Arm | None:
        slot = self.session.slot
        return self.protocol.arms_by_id[slot.arm] if slot else None

    @cached_property
    def item_order(self) -> list[str]:
        slot = self.session.slot
        return list(slot.item_order) if slot else []

    @cached_property
    def hedged(self) -> frozenset[str]:
        slot = self.session.slot
        return frozenset(slot.hedged) if slot else frozenset()

    @cached_property
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
        return parts_of(self.page)[0]

    @property
    def parts(self) -> tuple[str, ...]:
        return parts_of(self.page)

    @property
    def seconds(self) -> float:
        """From first served to accepted, by the server's clock."""
        return (self.received_at - self.shown_at).total_seconds()


@lru_cache(maxsize=4096)
def parts_of(page: str) -> tuple[str, ...]:
    """A page's key at its points: stage, item, which answer. Many people have the same few pages."""
    return tuple(page.split("."))


class Event(NamedTuple):
    """Something the browser or the server noticed. links are those the server itself saw opened: of this item."""

    session_id: UUID
    page: str
    load: str
    kind: str
    client_ms: float
    data: dict[str, Any]


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
        if kind == "hidden":
            self.left += 1
            self._hidden_since[load] = client_ms
        elif kind in ("visible", "submit") and load in self._hidden_since:
            self.hidden_ms += max(0.0, client_ms - self._hidden_since.pop(load))
        elif kind == "paste":
            self.pastes += 1


NOTHING = Noticed()


@dataclass
class Traces:
    """Everything noticed in a study: by session and page, and links opened by session and item."""

    pages: dict[tuple[UUID, str], Noticed]
    links: dict[tuple[UUID, str], int]

    def on(self, session_id: UUID, page: str) -> Noticed:
        """What was noticed on that page; nothing, where nothing was reported."""
        return self.pages.get((session_id, page), NOTHING)


def versions(study: Study) -> tuple[list[Protocol], int]:
    """The protocols that people of the study's own mode ran under, in the order of their registration, and how many
    people they are. One query, and one a registration a process."""
    ran = Session.objects.counting_for(study).exclude(registration=None)
    found = dict(ran.values_list("registration_id").annotate(Count("pk")).order_by("registration_id"))
    return [protocol_of(pk) for pk in found], sum(found.values())


def people(
    study: Study, protocols: Iterable[Protocol], *, at_once: int = PEOPLE_AT_ONCE
) -> Iterator[list[Person]]:
    """Everybody of the study's own mode, in the order of arrival and a few hundred at a time. One query, streamed, and
    one more where a model was asked what live answers say. protocols: the `versions` they ran under."""
    sessions = (
        Session.objects.counting_for(study)
        .exclude(registration=None)
        .select_related("participant", "slot", "registration")
        .defer("registration__canonical")
        .order_by("started_at", "id")
    )
    asked = any(protocol.live and protocol.live.verdict == "extracted" for protocol in protocols)
    extracted = verdicts(study.pk) if asked else {}
    found = sessions.iterator(chunk_size=at_once)
    while batch := list(islice(found, at_once)):
        yield [Person(s, protocol_of(s.registration_id or 0), extracted) for s in batch]


def driver() -> psycopg.Cursor[Any]:
    """A cursor of the driver on Django's connection, within its transaction."""
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)


def fetched(rows: QuerySet[Any, tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The rows of a `values_list`, for which the driver alone makes the values."""
    with driver() as cursor:
        cursor.execute(*rows.query.sql_with_params(), binary=True)
        while some := cursor.fetchmany(CHUNK):
            yield from some


def pages(of: Sequence[Person]) -> dict[UUID, list[Page]]:
    """Each session's accepted pages in order, erased ones left out. One query."""
    rows = (
        Submission.objects.filter(session__in=[p.session.pk for p in of], payload__isnull=False)
        .order_by("session_id", "number")
        .values_list(*Page._fields)
    )
    return by_session(map(Page._make, fetched(rows)))


def by_session(rows: Iterable[R]) -> dict[UUID, list[R]]:
    """Rows that come session by session, by session."""
    return {session: list(group) for session, group in groupby(rows, key=attrgetter("session_id"))}


def traces(of: Sequence[Person]) -> Traces:
    """What the browsers of these people noticed, by page. Two queries: which pages were looked at, and of the events
    only those that add to the sums."""
    sessions = [p.session.pk for p in of]
    found = TraceEvent.objects.filter(session__in=sessions)
    shown = found.exclude(kind="link").order_by().values_list("session_id", "page").distinct()
    hidden = TraceEvent.objects.filter(
        kind="hidden", session=OuterRef("session"), load=OuterRef("load"), session__in=sessions
    )  # of these people alone, or the planner collects those of the whole table for every batch
    told = found.filter(Q(kind__in=TELLING) | (Q(kind="submit") & Exists(hidden)))
    events = told.order_by("session_id", "load", "number").values_list(*Event._fields)
    return noticed(fetched(shown), map(Event._make, fetched(events)))


TELLING = ("hidden", "visible", "paste", "link")


def noticed(shown: Iterable[tuple[Any, ...]], events: Iterable[Event]) -> Traces:
    """Trace events summed up by page. shown: session and page of every page that sent any; events: in the order of
    their loads and numbers."""
    by_page = {(session, page): Noticed(seen=True) for session, page in shown}
    links: dict[tuple[UUID, str], int] = defaultdict(int)
    for event in events:
        if event.kind != "link":
            by_page[event.session_id, event.page].add(event.load, event.kind, event.client_ms)
        elif "item" in event.data:
            links[event.session_id, str(event.data["item"])] += 1
    return Traces(by_page, dict(links))
