"""The log is sealed when the study closes: whoever submits or arrives at that moment is under the seal or refused."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections, transaction

from study.registration import actions as studies
from study.registration.errors import Refused, WrongState
from study.session import actions, sealing
from study.session.actions import NotOpen
from study.session.models import Session, Submission
from tests import factories
from tests.study.session.test_races import at_once
from tests.study.session.visitor import Visitor


@pytest.mark.django_db
def test_closing_seals_and_a_second_seal_changes_nothing():
    study = factories.collecting()
    Visitor(study).open().go_to("tasks")
    studies.close(study=study, by=None)
    closed, sealed = study.audit.order_by("number")[3:]
    assert (closed.action, sealed.action) == ("closed", "sealed")
    assert sealed.data["sessions"] == 1
    assert sealed.data["submissions"] == Submission.objects.filter(session__study=study).count() > 2
    sealing.seal(study)
    assert study.audit.count() == 5
    sealing.check_seal(study)


@pytest.mark.django_db
def test_what_was_changed_past_the_application_is_seen():
    study = factories.collecting()
    visitor = Visitor(study).open().go_to("tasks")
    studies.close(study=study, by=None)
    Session.objects.filter(pk=visitor.session.pk).update(head="0" * 64)
    with pytest.raises(Refused, match="log was sealed"):
        sealing.check_seal(study)


@pytest.mark.django_db
def test_an_erasure_leaves_the_seal_whole():
    study = factories.collecting()
    visitor = Visitor(study).open().go_to("tasks")
    studies.close(study=study, by=None)
    actions.withdraw(token=visitor.token, erase=True)
    sealing.check_seal(study)


@pytest.mark.django_db
def test_nobody_arrives_and_nothing_is_appended_once_it_is_closed():
    study = factories.collecting()
    visitor = Visitor(study).open()
    with transaction.atomic():
        session = Session.objects.locked(visitor.token)  # read while the study collects …
        assert session.study.state == "collecting"
        with connection.cursor() as cursor:  # … which closes before the page is written
            cursor.execute(
                "UPDATE study_study SET state = 'closed', closed_at = now() WHERE id = %s", [study.pk]
            )
        with pytest.raises(NotOpen):
            actions._append(session, "consent", {"agreed": True}, session.started_at)
    with pytest.raises(NotOpen):
        actions.new_session(study=study, language="en")  # this study was read while it collected
    assert not Submission.objects.filter(session__study=study).exists()


@pytest.mark.django_db
def test_a_preview_goes_on_after_closing():
    study = factories.collecting()
    studies.close(study=study, by=None)
    session = actions.preview(study=study, arm="control", language="en")
    actions._append(session, "consent", {"agreed": True}, session.started_at)
    assert session.submissions.count() == 1
    sealing.check_seal(study)


@pytest.mark.django_db(transaction=True)
def test_closing_waits_for_a_page_that_is_being_written():
    study = factories.collecting()
    visitor = Visitor(study).open()
    closing = threading.Thread(target=closed, args=(study,))
    with transaction.atomic():
        session = Session.objects.locked(visitor.token)
        closing.start()
        until_somebody_waits()
        actions._append(session, "consent", {"agreed": True}, session.started_at)
        actions.statements.advance(session)
    closing.join()
    assert study.audit.get(action="sealed").data["submissions"] == 1
    sealing.check_seal(study)


@pytest.mark.django_db(transaction=True)
def test_closing_waits_for_somebody_who_is_arriving():
    study = factories.collecting()
    closing = threading.Thread(target=closed, args=(study,))
    with transaction.atomic():
        actions.new_session(study=study, language="en")
        closing.start()
        until_somebody_waits()
    closing.join()
    assert study.audit.get(action="sealed").data["sessions"] == 1
    sealing.check_seal(study)


def closed(study) -> None:
    try:
        studies.close(study=study, by=None)
    finally:
        connections.close_all()


def until_somebody_waits() -> None:
    """Until another connection waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(20_000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


@pytest.mark.django_db(transaction=True)
def test_a_crowd_that_submits_and_arrives_while_two_close_is_sealed_as_it_stands():
    study = factories.collecting()
    visitors = [Visitor(study, seed).open() for seed in range(4)]
    forms = [visitor.form() for visitor in visitors]

    def work(number: int):
        if number < 4:
            return visitors[number].client.post(visitors[number].address, forms[number]).status_code
        if number < 6:
            return actions.enter(study=study, language="en").submitted
        return closed(type(study).objects.get(pk=study.pk))

    results = at_once(work, times=8)
    assert sum(isinstance(r, WrongState) for r in results) == 1, results  # one of the two was first
    # Whoever comes too late is led to the page that says so (302), and is not counted below.
    assert all(r is None or r in (0, 302, 303) or isinstance(r, WrongState | NotOpen) for r in results), (
        results
    )
    told = study.audit.get(action="sealed").data
    assert (
        told["submissions"] == Submission.objects.filter(session__study=study).count() == results.count(303)
    )
    assert told["sessions"] == Session.objects.filter(study=study).count() == 4 + results.count(0)
    sealing.check_seal(study)
