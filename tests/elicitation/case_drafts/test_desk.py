"""The cases desk: asking, a worker that drafts while the page stays, decisions by keyboard, and what is said."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from elicitation.case_drafts.models import CaseDraft
from elicitation.runs.models import DeskRun
from elicitation.upgrades.models import State
from study.panel.documents import held
from study.registration import actions
from study.registration.models import Study
from tests import factories
from tests.elicitation.case_drafts.drafts import drafting, made
from tests.elicitation.test_review import EVIL, address, signed_in
from tests.llm.processes import worker
from tests.llm.test_workers import environment, paced
from tests.study.panel.test_browser import looked_at

__all__ = ["environment", "paced"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def study() -> Study:
    return drafting()


def entered(page: Any, server: str, client: Client) -> None:
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server}])


def test_a_worker_drafts_on_the_subjects_while_the_page_stays_where_it_is(
    study: Study, page: Any, server: str, environment: dict[str, str]
) -> None:
    entered(page, server, signed_in(study))
    page.goto(server + address(study, "cases"))
    page.fill("#subjects", "a parent who grows forgetful\nmoney among friends")
    page.fill("#each", "2")
    page.click("text=Have cases drafted")
    page.wait_for_selector("text=Waiting for a worker")
    page.evaluate("window.stayed = true")
    with worker(environment):
        page.wait_for_selector("text=The model has finished.", timeout=90_000)
    assert page.evaluate("window.stayed") is True
    run = DeskRun.objects.get(kind=DeskRun.Kind.CASES)
    assert (run.problem, run.done, run.total) == ("", 2, 2)
    assert CaseDraft.objects.with_state(State.OPEN).count() == run.result["open"] == 4


def test_by_keyboard_one_is_approved_one_edited_one_rejected_and_axe_finds_nothing(
    study: Study, page: Any, server: str, axe: Any
) -> None:
    for number in (1, 2, 3):
        made(study, number=number)
    made(study, number=4, state=State.REFUSED, reason="Not open: The question takes a side.", rehearsal=True)
    entered(page, server, signed_in(study))
    looked_at(page, axe, server + address(study, "cases"))
    page.keyboard.press("j")
    with page.expect_navigation():
        page.keyboard.press("a")
    page.wait_for_selector("text=is in the document as")
    page.keyboard.press("j")
    page.keyboard.press("e")
    assert page.evaluate("document.activeElement.id") == "title-2"
    page.keyboard.press("Control+a")
    page.keyboard.type("A mother who forgets")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("text=a-mother-who-forgets")
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.keyboard.type("Too near to the first.")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("text=is rejected")
    states = dict(CaseDraft.objects.with_state().values_list("number", "state"))
    assert states == {1: "approved", 2: "approved", 3: "rejected", 4: "refused"}
    study.refresh_from_db()
    ids = [case.id for case in held(study).protocol.flow[1].cases]
    assert ids == ["friend", "secret", "a-father-who-forgets-1", "a-mother-who-forgets"]
    looked_at(page, axe, server + address(study, "cases"), shot="decided")


def test_what_was_typed_stays_where_it_cannot_be_taken(study: Study) -> None:
    made(study)
    client = signed_in(study)
    typed = {
        "title": EVIL,
        "about": "",
        "question": "Mine: what is right here?",
        "contexts": "Always\r\nWhen it is",
    }
    answer = client.post(address(study, "decide-case", 1), {"do": "approve-edited", **typed})
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "The title has 3 to 80 characters and is plain text." in shown
    assert "A context begins with" in shown
    assert "Mine: what is right here?" in shown
    assert EVIL not in shown
    answer = client.post(address(study, "draft-cases"), {"subjects": "x" * 400, "each": "2"})
    assert answer.status_code == 409
    assert "A subject has at most 300 characters" in answer.content.decode()
    for each in ("0", "6", "two", "²", ""):
        assert client.post(address(study, "draft-cases"), {"subjects": "y", "each": each}).status_code == 409
    assert not DeskRun.objects.exists()


def test_without_a_model_the_page_says_so_and_with_one_it_does_not(study: Study, settings: Any) -> None:
    settings.HEED_LLM_API_KEY = "rehearsal"
    client = signed_in(study)
    shown = client.get(address(study, "cases")).content.decode()
    assert "No language model is configured." in shown
    assert "cannot be approved in a real study" not in shown
    Study.objects.update(mode="real")
    assert "cannot be approved in a real study" in client.get(address(study, "cases")).content.decode()
    settings.HEED_LLM_API_KEY = "a key"
    assert "No language model" not in client.get(address(study, "cases")).content.decode()


def test_after_registration_the_archive_is_read_and_nothing_is_asked(study: Study) -> None:
    made(study)
    actions.register(study=study, by=None)
    client = signed_in(study)
    shown = client.get(address(study, "cases")).content.decode()
    assert "The study is registered: its cases stay as they are." in shown
    assert "Have cases drafted" not in shown
    assert 'data-key="a"' not in shown
    assert "A father who forgets, 1" in shown
    answer = client.post(address(study, "decide-case", 1), {"do": "approve"})
    assert answer.status_code == 409
    assert "before registration" in answer.content.decode()


def test_the_page_shows_words_as_text_in_a_fixed_number_of_queries(
    study: Study, django_assert_max_num_queries: Any
) -> None:
    made(study, title=f"Evil {EVIL}", question=EVIL, contexts=[EVIL], subject=EVIL)
    client = signed_in(study)
    client.get(address(study, "cases"))
    with django_assert_max_num_queries(14):
        shown = client.get(address(study, "cases")).content.decode()
    assert "Evil &lt;script&gt;" in shown
    assert EVIL not in shown
    for number in range(2, 11):
        made(study, number=number)
    with django_assert_max_num_queries(14):
        client.get(address(study, "cases"))


def test_the_tab_stands_at_an_elicitation_without_stories_too() -> None:
    from study.protocol import document
    from tests.elicitation.people import small
    from tests.factories import changed

    flow = [s for s in document(small())["flow"] if s["kind"] in ("consent", "values-card", "completion")]
    study = factories.draft(changed(small(), flow=flow))
    client = signed_in(study)
    assert "/upgrades/" in client.get(f"/panel/studies/{study.slug}/").content.decode()
    assert client.get(address(study, "cases")).status_code == 200
