"""Slots on a real database: claimed once, refilled first, and exactly what the seed drew."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from study.assignment import actions
from study.assignment.models import Slot, SlotReturn
from study.assignment.slots import rederive
from study.registration import actions as registration
from study.registration.errors import WrongState
from study.registration.models import Study
from study.session.models import Session
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return factories.collecting()


def ended(session: Session, outcome: str) -> None:
    session.outcome, session.ended_at = outcome, timezone.now()
    session.save()


def test_people_get_the_schedule_in_its_order(study: Study) -> None:
    slots = [actions.claim(session=factories.session(study)) for _ in range(12)]
    assert [slot.number for slot in slots if slot] == list(range(1, 13))


def test_a_claim_notes_the_slot_on_the_session(study: Study) -> None:
    session = factories.session(study)
    slot = actions.claim(session=session)
    assert slot is not None
    assert session.slot == slot
    assert Session.objects.get(pk=session.pk).slot == slot
    assert (slot.state, slot.holder_id) == ("held", session.pk)
    assert len(slot.item_order) == 4


def test_a_claim_is_one_statement(study: Study, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    session = factories.session(study)
    with transaction.atomic(), django_assert_num_queries(3):  # savepoint, claim, release
        assert actions.claim(session=session)


def test_who_asks_twice_keeps_the_first_slot(study: Study) -> None:
    session = factories.session(study)
    first, second = actions.claim(session=session), actions.claim(session=session)
    assert first == second
    assert Slot.objects.filter(state="held").count() == 1


def test_a_full_study_has_no_slot_to_give(study: Study) -> None:
    for _ in range(12):
        actions.claim(session=factories.session(study))
    assert actions.claim(session=factories.session(study)) is None


@pytest.mark.parametrize("move", [registration.pause, registration.close])
def test_no_slot_is_given_while_the_study_does_not_collect(study: Study, move: object) -> None:
    move(study=study, by=None)  # type: ignore[operator]
    assert actions.claim(session=factories.session(study)) is None


def test_no_slot_is_given_before_the_study_opens() -> None:
    assert actions.claim(session=factories.session(factories.registered())) is None


def test_a_returned_slot_is_refilled_first_and_its_return_kept(study: Study) -> None:
    sessions = [factories.session(study) for _ in range(3)]
    for session in sessions:
        actions.claim(session=session)
    assert actions.give_back(session=sessions[1], reason="withdrawn")
    slot = actions.claim(session=factories.session(study))
    assert slot is not None
    assert (slot.number, slot.returns) == (2, 1)
    kept = SlotReturn.objects.get()
    assert (kept.slot, kept.session, kept.reason) == (slot, sessions[1], "withdrawn")


def test_giving_back_twice_returns_the_slot_once(study: Study) -> None:
    session = factories.session(study)
    actions.claim(session=session)
    assert actions.give_back(session=session, reason="withdrawn")
    assert not actions.give_back(session=session, reason="withdrawn")
    assert SlotReturn.objects.count() == 1


def test_a_finished_slot_is_not_given_back(study: Study) -> None:
    session = factories.session(study)
    actions.claim(session=session)
    assert actions.finish(session=session)
    assert actions.finish(session=session)
    assert not actions.give_back(session=session, reason="withdrawn")
    assert Slot.objects.get(number=1).state == "done"


def test_who_never_had_a_slot_finishes_none(study: Study) -> None:
    assert not actions.finish(session=factories.session(study))


def test_idle_sessions_lose_their_slot_and_active_ones_keep_it(study: Study) -> None:
    idle, active, done = (factories.session(study) for _ in range(3))
    for session in (idle, active, done):
        actions.claim(session=session)
    ended(done, "complete")
    actions.finish(session=done)
    now = timezone.now()
    Session.objects.exclude(pk=active.pk).update(active_at=now - timedelta(minutes=31))
    assert actions.sweep_idle(study, now) == 1
    assert actions.sweep_idle(study, now) == 0
    idle.refresh_from_db()
    active.refresh_from_db()
    assert idle.timed_out_at == now
    assert active.timed_out_at is None
    assert SlotReturn.objects.get().reason == "timed_out"
    assert [slot.state for slot in Slot.objects.order_by("number")[:3]] == ["free", "held", "done"]


def test_who_comes_back_late_fills_the_slot_while_it_is_free(study: Study) -> None:
    session = factories.session(study)
    actions.claim(session=session)
    actions.sweep_idle(study, timezone.now() + timedelta(hours=1))
    assert actions.take_again(session=session)
    assert Slot.objects.get(number=1).holder == session
    actions.sweep_idle(study, timezone.now() + timedelta(hours=1))
    assert actions.finish(session=session)
    assert Slot.objects.get(number=1).state == "done"


def test_who_comes_back_too_late_leaves_the_slot_to_its_new_holder(study: Study) -> None:
    late, new = factories.session(study), factories.session(study)
    actions.claim(session=late)
    actions.sweep_idle(study, timezone.now() + timedelta(hours=1))
    actions.claim(session=new)
    assert not actions.take_again(session=late)
    assert not actions.finish(session=late)
    assert Slot.objects.get(number=1).holder == new
    assert actions.finish(session=new)


def test_sweeping_an_unregistered_study_is_refused() -> None:
    with pytest.raises(WrongState, match="not registered"):
        actions.sweep_idle(factories.draft(), timezone.now())


def test_deriving_again_reproduces_the_table(study: Study) -> None:
    actions.claim(session=factories.session(study))
    assert rederive(study) == []


def test_deriving_again_names_every_difference(study: Study) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE study_slot DISABLE TRIGGER heed_schedule, DISABLE TRIGGER heed_no_delete")
        cursor.execute("UPDATE study_slot SET arm = 'control' WHERE number = 1")
        cursor.execute("UPDATE study_slot SET number = 99 WHERE number = 2")
        cursor.execute("DELETE FROM study_slot WHERE number = 12")
    problems = rederive(study)
    assert "Slot 1: arm is 'control', the seed gives 'hedged'." in problems
    assert {"Slot 99 is not in the schedule.", "Slot 2 is missing.", "Slot 12 is missing."} <= set(problems)
    assert len(problems) == 4


def stratified() -> Study:
    """Two strata with room for twelve each, twelve together."""
    flow = factories.document(factories.tiny())["flow"]
    question = next(stage for stage in flow if stage["id"] == "views")["questions"].pop(0)
    survey = {"kind": "survey", "id": "who", "questions": [question]}
    protocol = factories.changed(
        factories.tiny(),
        flow=[flow[0], survey, *flow[1:]],
        randomisation={"after": "who", "strata": ["age_group"]},
    )
    return factories.collecting(protocol)


def test_strata_fill_in_any_mix_but_never_beyond_the_sample() -> None:
    study = stratified()
    assert Slot.objects.filter(study=study).count() == 24
    strata = ["old"] * 3 + ["young"] * 10
    slots = [actions.claim(session=factories.session(study), stratum=stratum) for stratum in strata]
    assert slots[-1] is None
    assert Counter(slot.stratum for slot in slots if slot) == {"old": 3, "young": 9}
    assert [slot.number for slot in slots[:12] if slot] == [1, 2, 3, *range(1, 10)]


def test_a_stratum_nobody_knows_has_no_slot() -> None:
    assert actions.claim(session=factories.session(stratified()), stratum="ancient") is None


def test_a_slot_cannot_be_held_by_nobody(study: Study) -> None:
    with pytest.raises(IntegrityError, match="a_slot_is_free_or_has_a_holder"), transaction.atomic():
        Slot.objects.filter(number=1).update(state="held")
