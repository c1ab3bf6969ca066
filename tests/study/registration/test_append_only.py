"""What was recorded stays recorded: raw SQL as anybody with a shell on the application could try it."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from study.assignment import actions as assignment
from study.assignment.models import Slot
from study.registration import actions
from study.registration.models import Study
from study.session.models import Session, Submission, TraceEvent
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    """A collecting study with one submission, one trace event, one returned slot and one completed slot."""
    study = factories.collecting()
    session, other = factories.session(study), factories.session(study)
    for each in (session, other):
        assignment.claim(session=each)
    assignment.finish(session=session)
    assignment.give_back(session=other, reason="withdrawn")
    now = timezone.now()
    Submission.objects.create(
        session=session, number=1, page="tasks.moon.final", payload={"answer": "no"}, salt="s", commitment="c",
        link="l", shown_at=now, received_at=now,
    )  # fmt: skip
    TraceEvent.objects.create(
        session=session, page="tasks.moon.final", load="a", number=1, kind="paste", data={"length": 3},
        client_ms=5, received_at=now,
    )  # fmt: skip
    return study


def run(statement: str) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)
        return int(cursor.rowcount)


REFUSED = [
    'UPDATE study_submission SET payload = \'{"answer": "yes"}\'',
    "UPDATE study_submission SET payload = NULL",
    "UPDATE study_submission SET salt = ''",
    "UPDATE study_submission SET payload = 'null', salt = ''",
    "UPDATE study_submission SET payload = NULL, salt = '', commitment = 'x'",
    "UPDATE study_submission SET payload = NULL, salt = '', received_at = now() - interval '1 day'",
    "UPDATE study_submission SET link = 'x'",
    "UPDATE study_submission SET number = 2",
    "DELETE FROM study_submission",
    "TRUNCATE study_submission",
    "UPDATE study_traceevent SET data = '{\"length\": 4}'",
    "UPDATE study_traceevent SET data = '{}', kind = 'shown'",
    "UPDATE study_traceevent SET client_ms = 1",
    "DELETE FROM study_traceevent",
    "TRUNCATE study_traceevent",
    "UPDATE study_registration SET canonical = '{}'",
    "UPDATE study_registration SET seed = repeat('0', 64)",
    "UPDATE study_registration SET reason = 'another'",
    "DELETE FROM study_registration",
    "TRUNCATE study_registration CASCADE",
    "UPDATE study_auditentry SET actor = 'somebody else'",
    "UPDATE study_auditentry SET data = '{}'",
    "DELETE FROM study_auditentry",
    "TRUNCATE study_auditentry",
    "UPDATE study_slotreturn SET reason = 'idle'",
    "DELETE FROM study_slotreturn",
    "TRUNCATE study_slotreturn",
    "UPDATE study_slot SET arm = 'control' WHERE number = 1",
    "UPDATE study_slot SET item_order = '[]'",
    "UPDATE study_slot SET hedged = '[\"moon\"]' WHERE hedged = '[]'",
    "UPDATE study_slot SET stratum = 'x'",
    "UPDATE study_slot SET number = number + 1000",
    "UPDATE study_slot SET block = 9",
    "UPDATE study_slot SET returns = 0 WHERE returns > 0",
    "UPDATE study_slot SET state = 'free', holder_id = NULL WHERE state = 'done'",
    "DELETE FROM study_slot WHERE state = 'free'",
    "TRUNCATE study_slot CASCADE",
    "UPDATE study_study SET state = 'draft'",
    "UPDATE study_study SET state = 'registered'",
    "UPDATE study_study SET state = 'archived'",
    "UPDATE study_study SET mode = 'pilot'",
    "UPDATE study_study SET draft = '{}'",
    "UPDATE study_study SET slug = 'other'",
]


def refused(statement: str) -> bool:
    try:
        run(statement)
    except IntegrityError:
        return True
    return False


def test_the_database_refuses_every_way_to_rewrite(study: Study) -> None:
    assert [statement for statement in REFUSED if not refused(statement)] == []


def test_the_same_statements_without_triggers_would_have_worked(study: Study) -> None:
    """Or the test above would prove nothing: each is valid SQL that changes rows."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in ("submission", "traceevent", "registration", "auditentry", "slotreturn", "slot", "study"):
            cursor.execute(f"ALTER TABLE study_{name} DISABLE TRIGGER USER")
        for statement in REFUSED:
            if not statement.startswith(("TRUNCATE", "DELETE")):
                cursor.execute("SAVEPOINT before")
                cursor.execute(statement)
                assert cursor.rowcount > 0, statement
                cursor.execute("ROLLBACK TO before")


def test_a_submission_can_be_erased_to_a_tombstone_and_stay_one(study: Study) -> None:
    before = Submission.objects.values().get()
    assert Submission.objects.update(payload=None, salt="") == 1
    assert Submission.objects.update(payload=None, salt="") == 1
    assert Submission.objects.values().get() == before | {"payload": None, "salt": ""}
    with pytest.raises(IntegrityError):
        run("UPDATE study_submission SET payload = '{\"answer\": \"no\"}', salt = 's'")


def test_a_trace_event_can_be_erased_to_a_tombstone(study: Study) -> None:
    assert TraceEvent.objects.update(data={}) == 1
    event = TraceEvent.objects.get()
    assert (event.data, event.kind) == ({}, "paste")


def test_slots_still_change_hands(study: Study) -> None:
    session = factories.session(study)
    assert assignment.claim(session=session) is not None
    assert assignment.give_back(session=session, reason="withdrawn")
    assert Slot.objects.get(number=2).returns == 2


def test_a_session_that_holds_records_cannot_be_deleted(study: Study) -> None:
    with pytest.raises(IntegrityError):
        run("DELETE FROM study_session")
    assert Session.objects.count() == 2


def test_no_study_is_inserted_as_if_it_were_registered() -> None:
    with pytest.raises(IntegrityError, match="begins as a draft"), transaction.atomic():
        Study.objects.create(slug="x", title="x", draft={}, state="collecting")


def test_no_study_collects_without_a_registration_even_by_hand() -> None:
    study = factories.draft()
    with pytest.raises(IntegrityError, match="does not move from draft to collecting"):
        run("UPDATE study_study SET state = 'collecting'")
    run("UPDATE study_study SET state = 'registered'")
    with pytest.raises(IntegrityError, match="only after it was registered"):
        run("UPDATE study_study SET state = 'collecting'")
    with pytest.raises(IntegrityError, match="only after it was registered"), transaction.atomic():
        actions.open_study(study=study, by=None)


def test_a_draft_may_still_change_in_every_part() -> None:
    factories.draft()
    assert run("UPDATE study_study SET slug = 'other', mode = 'pilot', draft = '{}'") == 1


OURS = "SELECT count(*) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid WHERE proname LIKE 'heed_%'"
MIGRATIONS = [  # the later ones use the first one's functions
    "study.migrations.0002_append_only",
    "study.accounts.migrations.0002_append_only",
    "study.migrations.0009_probe_rounds",
]


def test_the_migrations_can_be_taken_back_and_made_again() -> None:
    from importlib import import_module

    migrations = [import_module(name) for name in MIGRATIONS]
    with connection.cursor() as cursor:

        def count() -> int:
            cursor.execute(OURS)
            return int(cursor.fetchone()[0])

        before = count()
        assert before >= 19 + 3 + 3
        for migration in reversed(migrations):
            cursor.execute(migration.BACKWARD)
        assert count() <= before - 25
        for migration in migrations:
            cursor.execute(migration.FORWARD)
        assert count() == before
