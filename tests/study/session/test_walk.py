"""A participant's walk: each page accepts exactly one submission, whatever the participant does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from study.assignment.actions import sweep_idle
from study.assignment.models import Slot
from study.registration import actions as registration
from study.session import chain
from study.session.models import Session, Submission
from study.stages import registry
from tests.factories import changed, collecting, registered, tiny
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db


def test_a_walk_ends_with_a_code_and_every_page_stored_once() -> None:
    visitor = Visitor(collecting()).open().finish()
    session = visitor.session
    assert session.outcome == "complete"
    assert "Your code" in visitor.text
    pages = list(session.submissions.values_list("page", "attempt"))
    assert len(pages) == len(set(pages)) == session.submitted
    assert Slot.objects.get(holder=session).state == "done"


def test_a_second_click_changes_nothing() -> None:
    visitor = Visitor(collecting()).open().go_to("tasks")
    fields = visitor.form()
    visitor.post(fields)
    after = visitor.page
    visitor.post({**fields, "answer": "no" if fields["answer"] == ["yes"] else "yes"})
    assert visitor.page is not None and after is not None
    assert visitor.page.key == after.key, "the second click led to the page that was open"
    stored = Submission.objects.get(session=visitor.session, page=fields["page"])
    assert stored.payload["answer"] == fields["answer"][0], "the first answer stands"


def test_going_back_and_sending_an_old_form_leads_to_where_one_was() -> None:
    visitor = Visitor(collecting()).open()
    consent = visitor.form()
    visitor.go_to("tasks")
    here, count = visitor.page.key, visitor.session.submitted  # type: ignore[union-attr]
    visitor.post(consent)
    assert (visitor.page.key, visitor.session.submitted) == (here, count)  # type: ignore[union-attr]


def test_reloading_changes_nothing_and_keeps_the_first_showing() -> None:
    visitor = Visitor(collecting()).open()
    first = visitor.session.shown_at
    visitor.client.get(visitor.address)
    assert first is not None and visitor.session.shown_at == first


def test_a_page_that_is_not_open_is_refused_and_nothing_is_stored() -> None:
    visitor = Visitor(collecting()).open()
    visitor.post(visitor.form(page="tasks.moon.final"))
    assert visitor.answer.status_code == 409
    assert "Nothing was lost" in visitor.text
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"attempt": "x"}, 400),
        ({"attempt": ""}, 400),
        ({"attempt": "2"}, 409),
        ({"page": "no-such-page"}, 409),
        ({"page": "x" * 5000}, 409),
        ({"csrfmiddlewaretoken": "wrong"}, 403),
        ({"csrfmiddlewaretoken": None}, 403),
    ],
)
def test_a_broken_form_is_a_clear_page_and_stores_nothing(changes: dict[str, str], status: int) -> None:
    visitor = Visitor(collecting()).open()
    visitor.post(visitor.form(**changes))
    assert visitor.answer.status_code == status
    assert "Traceback" not in visitor.text
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": None},
        {"answer": "maybe"},
        {"confidence": "9"},
        {"confidence": "x"},
        {"confidence": None},
        {"answer": "\x00"},
    ],
)
def test_a_missing_or_foreign_answer_brings_the_page_back_with_what_is_wrong(changes: dict[str, str]) -> None:
    visitor = Visitor(collecting()).open().go_to("tasks")
    count, key = visitor.session.submitted, visitor.page.key  # type: ignore[union-attr]
    visitor.send(**changes)
    assert visitor.answer.status_code == 422
    assert 'class="error"' in visitor.text
    assert (visitor.session.submitted, visitor.page.key) == (count, key)  # type: ignore[union-attr]


def test_an_oversized_text_is_refused_with_a_message() -> None:
    visitor = Visitor(collecting()).open().go_to("feedback")
    visitor.send(remarks="x" * 2001)
    assert visitor.answer.status_code == 422
    assert "2000" in visitor.text


def test_wrong_comprehension_answers_are_explained_and_asked_again() -> None:
    visitor = Visitor(collecting()).open().go_to("check")
    visitor.send(stop="false", paid="false")
    assert "You may leave whenever you wish." in visitor.text
    assert "The pay is the same for all." not in visitor.text, "only what was wrong is explained"
    assert visitor.page is not None
    assert visitor.page.hidden["attempt"] == "2"
    visitor.send(stop="true", paid="false")
    assert visitor.page is not None
    assert visitor.page.key.startswith("tasks")
    assert visitor.session.submissions.filter(page="check").count() == 2


def test_too_many_wrong_tries_end_the_walk_with_their_own_code() -> None:
    flow = [
        {
            **stage.model_dump(mode="json", exclude_defaults=False),
            **({"max_attempts": 1} if stage.id == "check" else {}),
        }
        for stage in tiny().flow
    ]
    visitor = (
        Visitor(collecting(changed(tiny(), flow=flow))).open().go_to("check").send(stop="false", paid="true")
    )
    assert visitor.session.outcome == "failed_check"
    assert not Slot.objects.filter(holder=visitor.session).exists(), "the place is free again"


def test_declining_stores_the_decision_and_takes_no_place() -> None:
    visitor = Visitor(collecting()).open().send(agreed="no")
    assert visitor.session.outcome == "declined"
    assert visitor.session.slot is None
    assert "You are not taking part" in visitor.text


def test_consent_needs_every_statement() -> None:
    visitor = Visitor(collecting()).open()
    visitor.send(statement_1=None)
    assert visitor.answer.status_code == 422
    assert "Please tick this" in visitor.text


def test_what_was_agreed_to_is_stored_with_the_hash_of_its_words() -> None:
    visitor = Visitor(collecting()).open().send()
    stored = visitor.session.submissions.get(page="consent").payload
    assert stored["agreed"] is True
    assert len(stored["text_sha256"]) == 64


def test_the_submissions_form_a_chain_that_a_stranger_can_recompute() -> None:
    session = Visitor(collecting()).open().finish().session
    head = ""
    for row in session.submissions.order_by("number"):
        assert row.commitment == chain.commitment(row.salt, row.payload)
        head = chain.link(
            head,
            number=row.number,
            page=row.page,
            attempt=row.attempt,
            shown_at=row.shown_at,
            received_at=row.received_at,
            commitment=row.commitment,
        )
        assert row.link == head
    assert session.head == head


def test_the_same_person_comes_back_to_the_same_page_by_cookie() -> None:
    visitor = Visitor(collecting()).open().go_to("tasks")
    token, key = visitor.token, visitor.page.key  # type: ignore[union-attr]
    visitor.open()
    assert (visitor.token, visitor.page.key) == (token, key)  # type: ignore[union-attr]


def test_neither_arm_nor_truth_nor_key_is_on_any_page_before_the_debrief() -> None:
    study = collecting()
    for seed in range(3):
        visitor = Visitor(study, seed).open()
        while visitor.page is not None and visitor.page.key != "debrief":
            body = visitor.text.lower()
            for secret in (
                "truth",
                "ai_correct",
                "unsure-first",
                "hedged",
                "correction",
                "control",
                "no-ai",
                "true answer",
            ):
                assert secret not in body, (visitor.page.key, secret)
            for item in tiny().items:
                assert str(item.correction).lower() not in body
            visitor.send()


def test_everyone_sees_their_own_arm_s_pages() -> None:
    study = collecting()
    for seed in range(3):
        visitor = Visitor(study, seed).open().go_to("tasks")
        session = visitor.session
        assert session.slot is not None
        assert ('class="answer"' in visitor.text) is (session.slot.arm != "no-ai")
        phrase = "I&#x27;m not sure, but I believe" in visitor.text
        assert phrase is (
            visitor.page.key.split(".")[1] in session.slot.hedged and session.slot.arm == "hedged"
        )  # type: ignore[union-attr]


def test_the_debrief_corrects_every_item_that_was_seen() -> None:
    visitor = Visitor(collecting()).open().go_to("debrief")
    for item in tiny().items:
        assert str(item.correction).replace("'", "&#x27;") in visitor.text


def test_leaving_after_a_wrong_answer_shows_the_debrief_and_frees_the_place() -> None:
    visitor = Visitor(collecting()).open().go_to("tasks")
    session = visitor.session
    shown = tiny().items_by_id[visitor.page.key.split(".")[1]]  # type: ignore[union-attr]
    page = visitor.client.get(visitor.address + "withdraw")
    token = page.content.decode().split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    visitor.answer = visitor.client.post(
        visitor.address + "withdraw", {"csrfmiddlewaretoken": token, "erase": "no"}, follow=True
    )
    assert visitor.session.outcome == "withdrawn"
    assert str(shown.correction) in visitor.text
    assert not Slot.objects.filter(holder=session).exists()
    assert session.submissions.filter(payload__isnull=False).exists(), (
        "answers are kept when the person says so"
    )


def test_erasing_destroys_answers_and_keeps_the_count_and_the_chain() -> None:
    visitor = Visitor(collecting()).open().finish()
    session = visitor.session
    links = list(session.submissions.values_list("link", flat=True))
    page = visitor.client.get(visitor.address + "withdraw").content.decode()
    token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    visitor.client.post(visitor.address + "withdraw", {"csrfmiddlewaretoken": token, "erase": "yes"})
    after = Session.objects.get(pk=session.pk)
    assert after.outcome == "complete"
    assert after.erased_at is not None
    assert set(session.submissions.values_list("payload", "salt")) == {(None, "")}
    assert list(session.submissions.values_list("link", flat=True)) == links
    assert not session.events.exclude(data={}).exists()
    assert visitor.client.get(visitor.address).status_code == 200


def test_a_closed_study_takes_nothing_more_and_still_debriefs() -> None:
    study = collecting()
    visitor = Visitor(study).open().go_to("tasks")
    fields = visitor.form()
    registration.close(study=study, by=None)
    visitor.post(fields)
    assert visitor.answer.status_code == 410
    assert "What is true" in visitor.text or "what is true" in visitor.text
    assert not visitor.session.submissions.filter(page=fields["page"]).exists()
    assert Visitor(study).open().answer.status_code == 410


def test_a_paused_study_says_so_and_lets_people_go_on_later() -> None:
    study = collecting()
    visitor = Visitor(study).open().go_to("tasks")
    registration.pause(study=study, by=None)
    visitor.answer = visitor.client.get(visitor.address)
    assert visitor.answer.status_code == 423
    registration.resume(study=study, by=None)
    visitor.answer = visitor.client.get(visitor.address)
    assert visitor.page is not None


def test_who_comes_back_after_a_time_out_goes_on_and_has_their_place_again() -> None:
    study = collecting()
    visitor = Visitor(study).open().go_to("tasks")
    sweep_idle(study, timezone.now() + timedelta(minutes=31))
    session = visitor.session
    assert session.timed_out_at is not None
    assert not Slot.objects.filter(holder=session).exists()
    visitor.send()
    assert Slot.objects.get(holder=session).pk == session.slot_id
    assert visitor.finish().session.outcome == "complete"


def test_who_comes_back_after_their_place_was_taken_still_completes_and_gets_the_code() -> None:
    study = collecting()
    visitor = Visitor(study).open().go_to("tasks")
    sweep_idle(study, timezone.now() + timedelta(minutes=31))
    other = Visitor(study, 2).open().go_to("tasks")
    assert other.session.slot_id == visitor.session.slot_id, "a returned place is refilled first"
    assert "Your code" in visitor.finish().text
    assert Slot.objects.get(pk=visitor.session.slot_id).holder_id == other.session.pk


def test_nobody_enters_before_the_study_collects() -> None:
    assert Visitor(registered()).open().answer.status_code == 403
    assert not Session.objects.exists()


def test_a_full_study_says_so() -> None:
    study = collecting()
    for seed in range(12):
        Visitor(study, seed).open().send()
    visitor = Visitor(study, 99).open().send()
    assert visitor.session.outcome == "full"
    assert "All places are taken" in visitor.text


def test_unknown_links_are_404_pages() -> None:
    visitor = Visitor(collecting()).open()
    for path in (
        "/s/join/nothing/",
        "/s/nosuchtoken/",
        "/s/nosuchtoken/data",
        "/s/nosuchtoken/withdraw",
        visitor.address + "source/moon/1",
        visitor.address + "source/nothing/1",
        f"/s/preview/{visitor.study.slug}/control/",
        f"/s/preview/{visitor.study.slug}/control/?key=guess",
    ):
        answer = visitor.client.get(path)
        assert answer.status_code == 404, path
        assert b"Traceback" not in answer.content


def test_a_post_and_the_page_after_it_cost_at_most_twelve_statements(
    django_assert_max_num_queries: object,
) -> None:
    visitor = Visitor(collecting()).open().go_to("tasks")
    while visitor.page is not None:
        fields = visitor.form()
        with django_assert_max_num_queries(12):  # type: ignore[operator]
            visitor.post(fields)


def test_every_shipped_kind_of_stage_is_walked_here() -> None:
    kinds = {stage.kind for stage in tiny().flow}
    assert kinds >= {kind for kind in registry.kinds() if registry.get(kind).__module__.startswith("study.")}
