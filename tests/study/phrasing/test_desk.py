"""The review desk: page by page over HTTP, and in a real browser with the keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from llm.models import Call
from study.panel.models import StudyRole
from study.phrasing import drafting
from study.phrasing.differences import segments
from study.phrasing.models import Decision, Draft, Placement
from study.phrasing.working import work_off
from study.protocol import document, from_canonical
from study.registration.models import Study
from tests import factories
from tests.study.panel.test_browser import looked_at
from tests.study.phrasing.drafted import approve_all, drafted, newest, protocol

pytestmark = pytest.mark.django_db(transaction=True)
DESK = "/panel/studies/tiny/texts/"


@pytest.fixture
def ada(client: Client) -> Client:
    """A client in which Ada, who may do everything, is signed in."""
    client.force_login(factories.user("ada", is_superuser=True))
    return client


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Yes, it rains.", "I think it rains."),
        ("", "a"),
        ("a  b", "b a"),
        ("same", "same"),
        ("é <b>", "<i> é"),
    ],
)
def test_the_differences_hold_both_texts_letter_for_letter(old: str, new: str) -> None:
    found = segments(old, new)
    assert "".join(one.text for one in found if one.kind != "new") == old
    assert "".join(one.text for one in found if one.kind != "gone") == new


def test_the_desk_shows_each_text_beside_its_plain_one_and_says_that_it_is_a_rehearsal(
    model: Any, ada: Client
) -> None:
    study = drafted()
    page = ada.get(DESK).content.decode()
    first = newest(study, "moon", "no", "first-person")
    assert f"<del>No,</del><ins>{first.phrase}</ins>".replace("'", "&#x27;") in page
    assert page.count("Rehearsal model</span>") == 24
    assert page.count("right answer</span>") == page.count("wrong answer</span>") == 2
    assert "60 % sure" in page or "about 60 %" in page
    assert ada.get(DESK, {"state": "refused"}).content.decode().count("data-text") == 0
    assert ada.get(DESK, {"state": "open"}).content.decode().count("data-text") == 24


def test_what_a_reviewer_does_is_done_once_and_leads_back_to_the_text(model: Any, ada: Client) -> None:
    study = drafted()
    draft = newest(study, "moon", "no", "first-person")
    address = f"{DESK}{draft.wording_id}/"
    told = {"draft": draft.pk, "state": "open", "page": "1"}
    answer = ada.post(address, told | {"do": "approve"})
    assert answer["Location"] == f"{DESK}?state=open&page=1#text-{draft.wording_id}"
    again = ada.post(address, told | {"do": "approve"})
    assert again.status_code == 409
    assert "approved" in again.content.decode()
    assert Decision.objects.count() == 1
    wrong = ada.post(address, told | {"do": "edit", "text": "I doubt it, but something else."})
    assert wrong.status_code == 409
    assert "letter for letter" in wrong.content.decode()
    assert "I doubt it, but something else." in wrong.content.decode()
    assert ada.post(address, told | {"do": "reject", "reason": ""}).status_code == 409
    assert ada.post(address, told | {"do": "reject", "reason": "Too vague."}).status_code == 302
    page = ada.get(address).content.decode()
    assert "Too vague." in page
    assert f"/texts/calls/{draft.call}/" in page
    record = ada.get(f"{DESK}calls/{draft.call}/").content.decode()
    assert "This is a rehearsal" in record
    assert "study.phrasing.phrase" in record
    assert ada.post(address, {"do": "again"}).status_code == 302
    assert Call.objects.filter(key=f"phrasing:{draft.wording_id}:2").exists()
    other = factories.draft(protocol(), slug="other")
    assert ada.get(f"/panel/studies/{other.slug}/texts/{draft.wording_id}/").status_code == 404
    assert ada.get(f"/panel/studies/{other.slug}/texts/calls/{draft.call}/").status_code == 404


def test_hostile_words_stay_words(model: Any, ada: Client) -> None:
    study = drafted()
    draft = newest(study, "moon", "no", "first-person")
    drafting.edit(
        draft=draft, text=f"I <script>alert()</script> think {draft.plain.body}", by=factories.user("ada")
    )
    for address in (DESK, f"{DESK}{draft.wording_id}/"):
        page = ada.get(address).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


def test_drafting_is_asked_for_followed_and_put_into_the_document_over_http(model: Any, ada: Client) -> None:
    study = factories.draft(protocol())
    assert ada.post(f"{DESK}ask/").status_code == 302
    waiting = ada.get(f"{DESK}progress/").content.decode()
    assert "0 of 4 calls" in waiting
    assert "hx-trigger" in waiting
    work_off(study)
    arrived = ada.get(f"{DESK}progress/").content.decode()
    assert "Show the new texts" in arrived
    assert "hx-trigger" not in arrived
    approve_all(study)
    page = ada.get(f"{DESK}put/")
    assert len(page.context["plan"].changes) == 4
    seen = page.context["document"].sha256
    assert ada.post(f"{DESK}put/", {"seen": "stale"}).status_code == 409
    assert ada.post(f"{DESK}put/", {"seen": seen}).status_code == 302
    assert Placement.objects.count() == 4
    assert ada.get("/panel/studies/tiny/versions/").status_code == 200


def test_the_desk_asks_the_database_the_same_number_of_questions_however_much_is_drafted(
    model: Any, ada: Client
) -> None:
    content = document(protocol())
    content["items"] = [content["items"][0] | {"id": f"moon-{n}"} for n in range(4)]
    study = factories.draft(from_canonical(content))
    counts = []
    for wanted in (["moon-0"], ["moon-1", "moon-2", "moon-3"]):
        drafting.ask(study=study, by=None, items=wanted)
        work_off(study)
        approve_all(study, "ada")
        ada.get(DESK)  # what is asked once a process or session is asked here
        with CaptureQueriesContext(connection) as found:
            assert ada.get(DESK).status_code == 200
        counts.append(len(found))
    assert counts[0] == counts[1] <= 16


def test_the_desk_in_a_browser_with_keys_alone(page: Any, server: str, axe: Any, model: Any) -> None:
    study = factories.draft(protocol(kinds=("first-person", "general")))
    StudyRole.objects.create(study=study, user=factories.user("ada"), role="researcher")
    client = Client()
    client.force_login(factories.user("ada"))
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server}])
    page.goto(DESK)
    page.get_by_role("button", name="Draft what is missing").click()
    page.get_by_text("The model is at work").wait_for()
    work_off(study)
    page.get_by_role("link", name="Show the new texts").click()
    looked_at(page, axe, DESK)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{DESK}?state=open")
    page.keyboard.press("?")
    page.get_by_text("next and previous text").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == page.locator("[data-text]").nth(1).get_attribute(
        "id"
    )
    page.keyboard.press("k")
    page.keyboard.press("a")
    page.get_by_text("Approved.").wait_for()
    approved = Draft.objects.get(state="approved")
    page.goto(DESK)
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.keyboard.type("Says too little.")
    page.keyboard.press("Enter")
    page.get_by_text("Rejected.").wait_for()
    approved.refresh_from_db()
    assert (approved.state, approved.reason) == ("rejected", "Says too little.")
    page.keyboard.press("j")
    page.keyboard.press("e")
    page.keyboard.press("ControlOrMeta+Home")
    page.keyboard.type("Perhaps ")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.text") == ""
    address = f"{DESK}{approved.wording_id}/"
    looked_at(page, axe, address)
    looked_at(page, axe, f"{DESK}calls/{approved.call}/")
    looked_at(page, axe, f"{DESK}put/")
    assert Study.objects.get().state == "draft"
