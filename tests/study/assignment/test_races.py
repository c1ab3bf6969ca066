"""What happens when many people do it at the same moment. Real connections, real commits."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone

from study.assignment import actions
from study.assignment.models import Slot, SlotReturn
from study.registration.models import Study
from study.session.models import Participant, Session
from tests import factories
from tests.concurrently import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def study_of(target: int) -> Study:
    return factories.collecting(factories.changed(factories.tiny(), sample={"target": target}))


def crowd(study: Study, size: int) -> list[Session]:
    people = Participant.objects.bulk_create(Participant(study=study, source="real") for _ in range(size))
    return Session.objects.bulk_create(Session(study=study, participant=person) for person in people)


def test_500_arrivals_at_once_get_500_slots_and_balanced_arms() -> None:
    study = study_of(600)
    sessions = crowd(study, 500)
    slots = at_once([partial(actions.claim, session=session) for session in sessions])
    assert not [slot for slot in slots if not isinstance(slot, Slot)]
    held = list(Slot.objects.filter(state="held").order_by("number"))
    assert [slot.number for slot in held] == list(range(1, 501))
    assert len({slot.holder_id for slot in held}) == 500
    arms = Counter(slot.arm for slot in held)
    assert max(arms.values()) - min(arms.values()) <= 1
    assert {session.slot_id for session in Session.objects.all()} == {slot.pk for slot in held}


def test_the_last_places_are_not_given_twice() -> None:
    study = study_of(20)
    slots = at_once([partial(actions.claim, session=session) for session in crowd(study, 60)])
    given = [slot.pk for slot in slots if isinstance(slot, Slot)]
    assert (len(given), len(set(given)), slots.count(None)) == (20, 20, 40)


def test_one_person_in_many_tabs_gets_one_slot() -> None:
    study = study_of(12)
    (session,) = crowd(study, 1)

    def claim_alone() -> Slot | None:
        return actions.claim(session=Session.objects.get(pk=session.pk))

    slots = at_once([lambda: claim_alone() for _ in range(20)], threads=20)
    assert not [slot for slot in slots if isinstance(slot, Exception)]
    assert len({slot.pk for slot in slots if isinstance(slot, Slot)}) == 1
    assert Slot.objects.filter(state="held").count() == 1


def test_a_claim_does_not_wait_for_somebody_elses() -> None:
    study = study_of(12)
    first, second = crowd(study, 2)
    with transaction.atomic():
        actions.claim(session=first)
        (slot,) = at_once([partial(actions.claim, session=second)])
    assert isinstance(slot, Slot)
    assert slot.number == 2


def test_strata_claimed_at_once_stay_within_the_sample() -> None:
    from tests.study.assignment.test_slots import stratified

    study = stratified()
    sessions = crowd(study, 40)
    strata = ["old", "young"] * 20
    claims = [partial(actions.claim, session=s, stratum=t) for s, t in zip(sessions, strata, strict=True)]
    slots = at_once(claims, threads=20)
    assert (sum(isinstance(slot, Slot) for slot in slots), slots.count(None)) == (12, 28)


def test_giving_back_and_sweeping_at_once_returns_each_slot_once() -> None:
    study = study_of(40)
    sessions = crowd(study, 30)
    for session in sessions:
        actions.claim(session=session)
    later = timezone.now() + timedelta(hours=1)
    moves = [partial(actions.give_back, session=session, reason="withdrawn") for session in sessions]
    results = at_once([*moves[:15], partial(actions.sweep_idle, study, later), *moves[15:]], threads=16)
    assert not [result for result in results if isinstance(result, Exception)]
    assert Slot.objects.filter(state="free", returns=1).count() == 30
    assert SlotReturn.objects.count() == 30


def test_late_people_and_new_people_never_share_a_slot() -> None:
    study = study_of(12)
    late = crowd(study, 12)
    for session in late:
        actions.claim(session=session)
    actions.sweep_idle(study, timezone.now() + timedelta(hours=1))
    new = crowd(study, 12)
    at_once(
        [partial(actions.finish, session=session) for session in late]
        + [partial(actions.claim, session=session) for session in new],
        threads=24,
    )
    done, held = (Slot.objects.filter(state=state) for state in ("done", "held"))
    assert {slot.holder_id for slot in done} <= {session.pk for session in late}
    assert {slot.holder_id for slot in held} <= {session.pk for session in new}
    assert done.count() + held.count() == 12


def test_somebody_answering_at_this_moment_is_not_swept() -> None:
    study = study_of(12)
    (session,) = crowd(study, 1)
    actions.claim(session=session)
    later = timezone.now() + timedelta(hours=1)
    with transaction.atomic():
        Session.objects.select_for_update().get(pk=session.pk)
        assert at_once([partial(actions.sweep_idle, study, later)]) == [0]
    assert actions.sweep_idle(study, later) == 1


def pages_read_by_a_claim(session: Session) -> int:
    """Database pages that the claim's one statement touches (taken back afterwards)."""
    values = {"session": session.pk, "study": session.study_id, "stratum": ""}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {actions.CLAIM.format(room='')}", values)
        (answer,) = cursor.fetchone()
        transaction.set_rollback(True)
    plan = answer[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def test_a_claim_reads_no_more_of_100000_slots_than_of_12() -> None:
    """What keeps a claim under 5 ms (measured alone, in test_bars): the work does not grow with the schedule."""
    study = study_of(12)
    session = crowd(study, 1)[0]
    few = pages_read_by_a_claim(session)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO study_slot (study_id, number, block, stratum, arm, item_order, hedged, state, returns) "
            "SELECT %s, n, n, '', 'control', '[]', '[]', 'free', 0 "
            "FROM generate_series(13, 100000) n",
            [study.pk],
        )
        cursor.execute("ANALYZE study_slot")
    many = pages_read_by_a_claim(session)
    assert many <= few + 60, f"{many} pages at 100,000 slots, {few} at 12"
    assert actions.claim(session=session) is not None
