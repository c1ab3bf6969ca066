"""A closed study of any size, put into the database by COPY: chains, commitments and places as if people had walked."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from study.assignment.models import Slot
from study.protocol import Protocol, document
from study.protocol.types import Protocol as Registered
from study.registration.frozen import current, protocol_of
from study.registration.models import Study
from study.session import chain
from study.session.models import Participant, Session
from tests import factories

ITEMS = 40
PAGES = ITEMS + 5
COPY = """COPY study_submission (session_id, number, page, attempt, payload, salt, commitment, link, shown_at, received_at)
          FROM STDIN"""
COPY_EVENTS = """COPY study_traceevent (session_id, page, load, number, kind, data, client_ms, received_at) FROM STDIN"""


def wide(people: int, **changed: Any) -> Protocol:
    """The tiny study with forty items and so many places."""
    content = document(factories.tiny())
    content["items"] = [content["items"][n % 4] | {"id": f"item-{n}"} for n in range(ITEMS)]
    return factories.changed(Protocol.model_validate(content), sample={"target": people}, **changed)


@transaction.atomic
def filled(study: Study, *, traces: bool = False) -> int:
    """Somebody completes at every place; returns the number of submissions. traces: with what a browser notices on
    every page: shown, each answer changed, sent; on one page in ten it was hidden, on one in fifty something pasted."""
    registration, draw = current(study), random.Random(20)
    protocol = protocol_of(registration.pk)
    start = timezone.now() - timedelta(days=30)
    places = Slot.objects.filter(study=study).order_by("number")
    count = 0
    with connection.cursor() as cursor:
        for group in grouped(places.iterator(chunk_size=1000)):
            rows, sessions = [], []
            events: list[tuple[Any, ...]] = []
            for slot in group:
                arrived = start + timedelta(seconds=slot.number * 60)
                participant = Participant(study=study, source=study.mode)
                session = Session(study=study, participant=participant, registration=registration, slot=slot,
                                  outcome="complete", started_at=arrived)  # fmt: skip
                own = walked(session, protocol, draw)
                rows += own
                events += noticed(own, draw) if traces else []
                sessions.append(session)
            Participant.objects.bulk_create([session.participant for session in sessions])
            Session.objects.bulk_create(sessions)
            with cursor.copy(COPY) as copy:
                for row in rows:
                    copy.write_row(row)
            with cursor.copy(COPY_EVENTS) as copy:
                for event in events:
                    copy.write_row(event)
            count += len(rows)
        cursor.execute("UPDATE study_slot SET state = 'done', holder_id = s.id FROM study_session s"
                       " WHERE s.slot_id = study_slot.id AND study_slot.study_id = %s", [study.pk])  # fmt: skip
        cursor.execute("ANALYZE")
    return count


def grouped(places: Iterator[Slot], size: int = 1000) -> Iterator[list[Slot]]:
    group: list[Slot] = []
    for slot in places:
        group.append(slot)
        if len(group) == size:
            yield group
            group = []
    yield group


def walked(session: Session, protocol: Registered, draw: random.Random) -> list[tuple[Any, ...]]:
    """The submissions of one session, which is told its end."""
    rows, head, now = [], "", session.started_at
    for number, (page, payload) in enumerate(pages(session.slot, protocol, draw), start=1):
        salt, shown = f"{draw.getrandbits(128):032x}", now
        now = shown + timedelta(microseconds=draw.randrange(900_000, 30_000_000))
        digest = chain.commitment(salt, payload)
        head = chain.link(
            head, number=number, page=page, attempt=1, shown_at=shown, received_at=now, commitment=digest
        )
        rows.append((session.pk, number, page, 1, json.dumps(payload), salt, digest, head, shown, now))
    session.head, session.submitted, session.ended_at = head, len(rows), now
    return rows


def pages(slot: Any, protocol: Registered, draw: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """What somebody at this place submits: right in three of four cases, and wary of hedged answers."""
    consent: Any = protocol.flow[0]
    text = hashlib.sha256(protocol.say(consent.text).encode()).hexdigest()
    yield "consent", {"agreed": True, "version": "1", "text_sha256": text}
    yield "about.1", {}
    yield "check", {"stop": True, "paid": False}
    bias = draw.gauss(0, 0.1)
    for item in slot.item_order:
        told = protocol.items_by_id[item].advice
        assert told is not None
        agrees = draw.random() < 0.75 + bias - 0.1 * (item in slot.hedged)
        other = {"yes": "no", "no": "yes"}[str(told.answer)]
        yield (
            f"tasks.{item}.final",
            {"answer": told.answer if agrees else other, "confidence": draw.randrange(1, 6)},
        )
    yield "seen", {item: draw.random() < 0.9 for item in slot.item_order} | {"desert": False}
    yield "views", {"age_group": "young", "website": "", "trust_1": draw.randrange(1, 6), "trust_2": 2}


def noticed(rows: list[tuple[Any, ...]], draw: random.Random) -> Iterator[tuple[Any, ...]]:
    """The trace events of one session's pages, each page loaded once."""
    for session, _, page, _, payload, _, _, _, shown, sent in rows:
        load, length = f"{draw.getrandbits(40):010x}", (sent - shown).total_seconds() * 1000
        told: list[tuple[str, dict[str, Any]]] = [("shown", {"width": 1280, "height": 800})]
        told += [("change", {"field": name, "value": value}) for name, value in json.loads(payload).items()]
        told += [("paste", {"field": "answer", "length": 12})] * (draw.random() < 0.02)
        told += [("hidden", {}), ("visible", {})] * (draw.random() < 0.1)
        told.append(("submit", {}))
        for number, (kind, data) in enumerate(told, start=1):
            ms = round(length * (number - 1) / len(told), 1)
            yield session, page, load, number, kind, json.dumps(data), ms, sent
