"""Participants, their withdrawal at their word, and payment."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from study.registration import actions
from study.registration.codes import code
from study.registration.models import AuditEntry, Study
from study.session import actions as session_actions
from study.session.models import Participant, Session, Submission
from tests import factories
from tests.study.closed import walked

pytestmark = pytest.mark.django_db
HEAD = "Submission id,Participant id,Status,Started at,Completed at,Completion code\n"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.user("boss", is_superuser=True))
    return client


def somebody(study: Study, outcome: str = "complete") -> Session:
    return Session.objects.counted().filter(study=study, outcome=outcome, erased_at=None)[0]


def test_the_list_pages_searches_and_costs_the_same(boss: Client) -> None:
    study = factories.collecting()
    factories.session(study)
    address = "/panel/studies/tiny/participants/"
    boss.get(address)
    with CaptureQueriesContext(connection) as few:
        boss.get(address)
    for _ in range(59):
        factories.session(study)
    with CaptureQueriesContext(connection) as many:
        assert len(boss.get(address).context["rows"]) == 50
    assert len(many) == len(few)
    assert len(boss.get(address, {"page": 2}).context["rows"]) == 10
    wanted = Participant.objects.first()
    assert [s.participant for s, _ in boss.get(address, {"q": wanted.code}).context["rows"]] == [wanted]


def test_a_timeline_has_neither_arm_nor_item_nor_answer(boss: Client) -> None:
    study = walked(close=False)
    session = somebody(study)
    text = boss.get(f"/panel/studies/{study.slug}/participants/{session.participant.code}/").content.decode()
    assert text.count("accepted") == session.submissions.count()
    assert session.token not in text
    for word in ["moon", "whale", "Confident answer", "First-person hedge", "no-ai", "hedged"]:
        assert word not in text


def test_a_person_is_withdrawn_and_erased_at_their_word_on_the_record(boss: Client) -> None:
    study = walked(close=False)
    session = somebody(study, outcome="")
    address = f"/panel/studies/{study.slug}/participants/{session.participant.code}/withdraw/"
    assert boss.get(address).status_code == 200
    assert boss.post(address, {"reason": " ", "erase": "yes"}).status_code == 422
    assert boss.post(address, {"reason": "By e-mail.", "erase": "yes"}).status_code == 302
    session.refresh_from_db()
    assert session.outcome == "withdrawn"
    assert not Submission.objects.filter(session=session, payload__isnull=False).exists()
    entry = AuditEntry.objects.get(action="withdrew a participant")
    assert entry.data == {"participant": session.participant.code, "erased": True, "reason": "By e-mail."}


def test_a_persons_copy_waits_for_the_end_and_is_kept_in_the_log(boss: Client) -> None:
    study = walked(close=False)
    session = somebody(study)
    address = f"/panel/studies/{study.slug}/participants/{session.participant.code}/copy/"
    assert boss.post(address).status_code == 403
    actions.close(study=study, by=None)
    answer = boss.post(address)
    assert answer.json()["participant"] == session.participant.code
    assert answer.json()["answers"]
    assert AuditEntry.objects.filter(action="exported a person's own copy").count() == 1


def test_a_code_of_another_study_is_not_found(boss: Client) -> None:
    factories.collecting()
    other = factories.session(factories.draft(slug="other"))
    assert boss.get(f"/panel/studies/tiny/participants/{other.participant.code}/").status_code == 404


def prolific(study: Study, person: str, outcome: str) -> None:
    """Somebody of the panel whose session ended so ('' is under way)."""
    session = session_actions.enter(
        study=study, language="en", person=person, panel_ids={"PROLIFIC_PID": person}
    )
    if outcome:
        Session.objects.filter(pk=session.pk).update(outcome=outcome, ended_at=session.started_at)


def test_a_panels_list_is_held_against_ours(boss: Client) -> None:
    study = factories.collecting()
    right = code(study.registrations.get(), "complete")
    for person, outcome in [
        ("ann", "complete"),
        ("bob", "declined"),
        ("cyd", ""),
        ("dan", "withdrawn"),
        ("eve", "complete"),
        ("fay", "complete"),
    ]:
        prolific(study, person, outcome)
    rows = f"s1,ann,AWAITING REVIEW,,,{right}\ns2,bob,AWAITING REVIEW,,,\ns3,cyd,ACTIVE,,,\ns4,dan,AWAITING REVIEW,,,{right}\n"
    rows += "s5,eve,REJECTED,,,\ns6,gus,AWAITING REVIEW,,,\ns7,bob,RETURNED,,,\n"
    file = SimpleUploadedFile("prolific.csv", (HEAD + rows).encode())
    seen: dict[str, Any] = boss.post("/panel/studies/tiny/payment/", {"file": file}).context
    advice = {row.submission: row.advice for row in seen["found"].rows}
    assert advice == {
        "s1": "approve",
        "s2": "ask to return",
        "s3": "still under way",
        "s4": "look at it",
        "s5": "look at it",
        "s6": "look at it",
        "s7": "settled",
    }
    assert seen["found"].missing == 1


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff\xfe\x00", b""])
def test_another_file_is_refused_with_what_was_expected(boss: Client, content: bytes) -> None:
    factories.collecting()
    answer = boss.post("/panel/studies/tiny/payment/", {"file": SimpleUploadedFile("x.csv", content)})
    assert answer.status_code == 422


def test_ragged_and_hostile_rows_are_text(boss: Client) -> None:
    factories.collecting()
    content = (HEAD + '<script>x</script>,p\n"a","b",AWAITING REVIEW,,,,,extra\n').encode()
    answer = boss.post("/panel/studies/tiny/payment/", {"file": SimpleUploadedFile("x.csv", content)})
    assert answer.status_code == 200
    assert "<script>x" not in answer.content.decode()
