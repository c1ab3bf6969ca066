"""The bars of registration and assignment, measured. Run alone, with -m soak -s."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from functools import partial

import pytest
from django.db import connection

from study.assignment import actions
from study.assignment.models import Slot
from study.assignment.slots import rederive
from study.protocol import Protocol, read, shipped
from study.registration import actions as registration
from study.registration.models import Study
from study.session.models import Participant, Session
from tests import factories
from tests.concurrently import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.soak]


def reference(target: int) -> Protocol:
    """The shipped reference study (four arms, eight items, hedged roles) with another sample size."""
    return factories.changed(read(shipped()["uncertainty-reliance"]), sample={"target": target})


def crowd(study: Study, size: int) -> list[Session]:
    people = Participant.objects.bulk_create(Participant(study=study, source="real") for _ in range(size))
    return Session.objects.bulk_create(Session(study=study, participant=person) for person in people)


def test_5000_slots_are_made_in_under_two_seconds() -> None:
    seconds = []
    for _ in range(3):
        study = factories.draft(reference(5000), slug=f"large-{len(seconds)}")
        start = time.perf_counter()
        registration.register(study=study, by=None)
        seconds.append(time.perf_counter() - start)
    print(f"\nregister with 5,000 slots: {sorted(seconds)} s")
    assert statistics.median(seconds) < 2
    assert rederive(study) == []


def test_a_claim_takes_under_5_ms_at_100000_slots() -> None:
    study = factories.draft(reference(100_000))
    start = time.perf_counter()
    registration.register(study=study, by=None)
    print(f"\nregister with 100,000 slots: {time.perf_counter() - start:.1f} s")
    registration.open_study(study=study, by=None)
    assert claims(study, "all free") < 0.005
    fill(study, 99_000)
    assert claims(study, "99,000 done, table just written") < 0.005
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert claims(study, "99,000 done, after ANALYZE") < 0.005


def fill(study: Study, upto: int) -> None:
    """All places up to a number are completed: what is free stands at the end."""
    crowd(study, upto - Slot.objects.filter(state="held").count())
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH people AS (SELECT id, row_number() OVER () + 200 AS n FROM study_session WHERE slot_id IS NULL) "
            "UPDATE study_slot SET state = 'done', holder_id = people.id FROM people WHERE number = people.n"
        )
        cursor.execute("UPDATE study_session s SET slot_id = p.id FROM study_slot p WHERE p.holder_id = s.id")


def claims(study: Study, what: str) -> float:
    times = []
    for session in crowd(study, 200):
        start = time.perf_counter()
        assert actions.claim(session=session)
        times.append(time.perf_counter() - start)
    times.sort()
    median, p95, worst = (f"{1000 * times[place]:.2f} ms" for place in (100, 190, 199))
    print(f"claim, {what}: median {median}, p95 {p95}, max {worst}")
    return times[100]


def test_500_simultaneous_arrivals() -> None:
    study = factories.collecting(reference(600))
    sessions = crowd(study, 500)
    start = time.perf_counter()
    slots = at_once([partial(actions.claim, session=session) for session in sessions], threads=60)
    print(f"\n500 arrivals over 60 connections: {time.perf_counter() - start:.2f} s")
    held = [slot for slot in slots if isinstance(slot, Slot)]
    assert len({slot.pk for slot in held}) == 500
    arms = Counter(slot.arm for slot in held)
    print(f"arms: {dict(arms)}")
    assert max(arms.values()) - min(arms.values()) <= 2  # a block holds every arm twice
    assert sorted(slot.number for slot in held) == list(range(1, 501))
