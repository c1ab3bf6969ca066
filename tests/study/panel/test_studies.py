"""The list, new studies, the document's pages and the moves, as a researcher meets them."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from study.assignment import actions as assignment
from study.panel.documents import held
from study.panel.models import FailedLogin, StudyRole
from study.protocol import read, shipped
from study.registration import actions
from study.registration.models import AuditEntry, Study
from tests import factories
from tests.factories import PROTOCOLS

pytestmark = pytest.mark.django_db
TINY = (PROTOCOLS / "tiny.yaml").read_text()


@pytest.fixture
def ada(client: Client) -> Client:
    client.force_login(factories.user("ada"))
    return client


def own(study: Study) -> Study:
    """Ada owns it."""
    Study.objects.filter(pk=study.pk).update(owner=factories.user("ada"))
    return study


def sha_on(client: Client, address: str) -> str:
    """The hash of the document that a page's form carries."""
    return str(client.get(address).context["document"].sha256)


def test_nobody_sees_a_page_without_signing_in(client: Client) -> None:
    factories.draft()
    for address in ["/panel/", "/panel/new/", "/panel/studies/tiny/", "/panel/studies/tiny/edit/"]:
        assert client.get(address).headers["Location"].startswith("/panel/login/")


def test_signing_in_leads_to_the_studies_and_out_again(client: Client) -> None:
    ada = factories.user("ada")
    ada.set_password("correct horse")
    ada.save()
    answer = client.post("/panel/login/", {"username": "ada", "password": "correct horse"})
    assert answer.headers["Location"] == "/panel/"
    assert client.post("/panel/logout/").headers["Location"] == "/panel/login/"
    assert client.get("/panel/").status_code == 302


def test_wrong_guesses_are_limited_and_names_are_not_kept(client: Client) -> None:
    ada = factories.user("ada")
    ada.set_password("correct horse")
    ada.save()
    for _ in range(10):
        assert client.post("/panel/login/", {"username": "ada", "password": "x"}).status_code == 422
    right = {"username": "ada", "password": "correct horse"}
    assert client.post("/panel/login/", right).status_code == 429
    assert not FailedLogin.objects.filter(name="ada").exists()
    FailedLogin.objects.update(at=timezone.now() - timedelta(minutes=16))
    assert client.post("/panel/login/", right).status_code == 302


def test_the_list_costs_the_same_for_any_number_of_studies(ada: Client) -> None:
    study = own(factories.collecting())
    assignment.claim(session=factories.session(study))
    ada.get("/panel/")  # the first page of a session also notes when it was seen
    with CaptureQueriesContext(connection) as few:
        text = ada.get("/panel/").content.decode()
    assert "1 under way" in text
    assert study.registrations.get().sha256[:12] in text
    for number in range(12):
        own(factories.draft(slug=f"more-{number}"))
    with CaptureQueriesContext(connection) as many:
        assert ada.get("/panel/").content.decode().count('class="card study-row"') == 13
    assert len(many) == len(few) <= 8


def test_studies_of_others_are_neither_listed_nor_found(ada: Client) -> None:
    factories.draft()
    assert "tiny" not in ada.get("/panel/").content.decode()
    assert ada.get("/panel/studies/tiny/").status_code == 404


@pytest.mark.parametrize("way", ["shipped", "text", "file", "copy"])
def test_a_study_begins_in_four_ways(ada: Client, way: str) -> None:
    own(factories.draft(slug="first"))
    given: dict[str, Any] = {
        "shipped": {"shipped": "claims-two-stage"},
        "text": {"text": TINY.replace("\n", "\r\n")},
        "file": {"file": SimpleUploadedFile("my.yaml", TINY.encode())},
        "copy": {"copied": "first"},
    }[way]
    answer = ada.post("/panel/new/", {"way": way, "mode": "pilot", "slug": "mine"} | given)
    assert answer.headers["Location"] == "/panel/studies/mine/"
    made = Study.objects.get(slug="mine")
    assert (made.owner.username, made.mode, made.state) == ("ada", "pilot", "draft")
    assert ada.get("/panel/studies/mine/").status_code == 200
    assert ada.get("/panel/studies/mine/protocol/").status_code == 200


def test_a_text_that_is_no_protocol_comes_back_with_its_lines(ada: Client) -> None:
    broken = TINY.replace("paradigm: one-stage", "paradigm: three-stage")
    answer = ada.post("/panel/new/", {"way": "text", "mode": "real", "text": broken})
    assert answer.status_code == 422
    line = broken[: broken.index("paradigm:")].count("\n") + 1
    assert f"line {line}" in answer.content.decode()
    assert "1 problem," in answer.content.decode()
    assert not Study.objects.exists()


def test_a_file_that_is_no_protocol_becomes_a_text_to_mend(ada: Client) -> None:
    broken = TINY.replace("paradigm: one-stage", "paradigm: three-stage")
    upload = {"way": "file", "mode": "pilot", "file": ContentFile(broken.encode(), name="own.yaml")}
    answer = ada.post("/panel/new/", upload)
    form = answer.context["form"]
    assert (form["way"].value(), form["mode"].value()) == ("text", "pilot")
    assert form["text"].value() == broken
    mended = {
        "way": form["way"].value(),
        "mode": "pilot",
        "text": form["text"].value().replace("three-", "one-"),
    }
    assert ada.post("/panel/new/", mended).status_code == 302


def test_a_new_study_never_overwrites_one(ada: Client) -> None:
    factories.draft()
    ada.post("/panel/new/", {"way": "text", "mode": "real", "text": TINY})
    assert set(Study.objects.values_list("slug", flat=True)) == {"tiny", "tiny-2"}
    answer = ada.post("/panel/new/", {"way": "text", "mode": "real", "text": TINY, "slug": "tiny"})
    assert "already" in answer.content.decode()


def test_the_overview_shows_hash_commitment_and_links_but_never_the_seed(ada: Client) -> None:
    study = own(factories.collecting())
    text = ada.get("/panel/studies/tiny/").content.decode()
    registration = study.registrations.get()
    assert registration.sha256 in text
    assert registration.seed_commitment in text
    assert factories.SEED not in text
    assert "http://testserver/s/join/tiny/" in text
    assert text.count("/panel/studies/tiny/preview/") == 3


def test_the_text_is_checked_while_somebody_types(ada: Client) -> None:
    own(factories.draft())
    answer = ada.post("/panel/studies/tiny/edit/check/", {"text": TINY.replace("target: 12", "target: 24")})
    assert "sample.target" in answer.content.decode()
    answer = ada.post("/panel/studies/tiny/edit/check/", {"text": TINY.replace("target: 12", "target: many")})
    assert "Not a protocol yet" in answer.content.decode()


def test_a_draft_is_saved_unless_somebody_else_saved_meanwhile(ada: Client) -> None:
    own(factories.draft())
    address = "/panel/studies/tiny/edit/"
    seen = sha_on(ada, address)
    larger = {"text": TINY.replace("target: 12", "target: 24"), "seen": seen}
    assert ada.post(address, larger).status_code == 302
    assert Study.objects.get().draft["sample"]["target"] == 24
    late = ada.post(address, {"text": TINY.replace("target: 12", "target: 36"), "seen": seen})
    assert late.status_code == 422
    assert Study.objects.get().draft["sample"]["target"] == 24


def test_registering_freezes_what_was_shown_and_nothing_else(ada: Client) -> None:
    own(factories.draft())
    address = "/panel/studies/tiny/register/"
    seen = sha_on(ada, address)
    assert ada.post(address, {"seen": "0" * 64}).status_code == 409
    assert ada.post(address, {"seen": seen}).status_code == 302
    study = Study.objects.get()
    assert study.state == "registered"
    assert study.registrations.get().sha256 == seen
    assert AuditEntry.objects.get(action="registered").actor == "ada"


def test_two_people_register_where_the_protocol_asks_for_it(ada: Client) -> None:
    from study.panel.models import StudyRole

    study = own(factories.draft(factories.changed(factories.tiny(), two_people=True)))
    grace = factories.user("grace")
    grace.set_password("a second key")
    grace.save()
    address = "/panel/studies/tiny/register/"
    seen = {"seen": sha_on(ada, address)}
    assert ada.post(address, seen).status_code == 409
    approver = seen | {"approver": "grace", "approver_password": "a second key"}
    assert "may not approve" in ada.post(address, approver).content.decode()
    StudyRole.objects.create(study=study, user=grace, role="researcher")
    assert "wrong" in ada.post(address, approver | {"approver_password": "no"}).content.decode()
    assert ada.post(address, approver).status_code == 302
    assert study.registrations.get().approved_by == grace


def test_an_amendment_is_reviewed_before_it_is_made(ada: Client) -> None:
    study = own(factories.collecting())
    address = "/panel/studies/tiny/edit/"
    form = {
        "seen": sha_on(ada, address),
        "reason": "More people.",
        "text": TINY.replace("target: 12", "target: 24"),
    }
    review = ada.post(address, form)
    assert "this cannot be taken back" in review.content.decode()
    assert study.registrations.count() == 1
    assert ada.post(address, form | {"confirmed": "yes", "reason": ""}).status_code == 422
    assert ada.post(address, form | {"confirmed": "yes"}).status_code == 302
    assert study.registrations.count() == 2
    text = ada.get("/panel/studies/tiny/protocol/").content.decode()
    assert "What version 2 changed" in text
    assert "sample.target" in text
    assert held(study).text == form["text"], (
        "the author's own lines and comments are the amended document's, too"
    )


def test_a_study_is_opened_paused_resumed_and_closed(ada: Client) -> None:
    own(factories.registered())
    for name, state in [
        ("open", "collecting"),
        ("pause", "paused"),
        ("resume", "collecting"),
        ("close", "closed"),
    ]:
        address = f"/panel/studies/tiny/move/{name}/"
        assert ada.get(address).status_code == 200
        assert ada.post(address, {"reason": "It is time."}).status_code == 302
        assert Study.objects.get().state == state
    refused = ada.post("/panel/studies/tiny/move/open/")
    assert refused.status_code == 409
    assert "this needs it to be registered" in refused.content.decode()
    assert ada.get("/panel/studies/tiny/move/explode/").status_code == 404
    assert AuditEntry.objects.get(action="closed").data["reason"] == "It is time."


def test_a_reached_target_is_said_in_the_list(ada: Client) -> None:
    from study.assignment.models import Slot

    study = own(factories.collecting())
    for _ in range(12):
        session = factories.session(study)
        session.slot = assignment.claim(session=session)
        assignment.finish(session=session)
    assert Slot.objects.filter(state="done").count() == 12
    assert "The target is reached" in ada.get("/panel/").content.decode()
    actions.close(study=study, by=None)
    assert "The target is reached" not in ada.get("/panel/").content.decode()


def test_the_records_have_no_way_in_of_their_own(client: Client) -> None:
    answer = client.get("/panel/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/panel/login/?next=/panel/admin/"
    assert client.post("/panel/admin/login/", {"username": "ada", "password": "x"}).status_code == 302
    client.force_login(factories.user("ada"))
    assert client.get("/panel/admin/", follow=True).status_code == 403


def test_who_signed_in_signs_in_again_after_half_a_day(client: Client) -> None:
    ada = factories.user("ada")
    ada.set_password("correct horse")
    ada.save()
    client.post("/panel/login/", {"username": "ada", "password": "correct horse"})
    assert client.session.get_expiry_age() <= 12 * 3600


@pytest.mark.parametrize("name", ["uncertainty-reliance", "claims-two-stage"])
def test_the_whole_instrument_is_on_one_page(ada: Client, name: str) -> None:
    protocol = read(shipped()[name])
    own(factories.draft(protocol, slug="whole"))
    text = html.unescape(ada.get("/panel/studies/whole/instrument/").content.decode())
    for item in protocol.items:
        assert protocol.say(item.question) in text
        assert item.advice is None or protocol.say(item.advice.body) in text
    for scale in protocol.scales:
        assert all(protocol.say(statement.text) in text for statement in scale.items)
    for phrasing in protocol.phrasings:
        assert protocol.say(phrasing.text) in text


def test_a_refusal_and_a_missing_page_stay_in_the_panel_with_a_way_back(ada: Client) -> None:
    study = factories.draft()
    Study.objects.filter(pk=study.pk).update(owner=None)
    StudyRole.objects.create(study=study, user=get_user_model().objects.get(username="ada"), role="assistant")
    for address, status in (
        ("/panel/studies/tiny/edit/", 403),
        ("/panel/studies/nothing/", 404),
        ("/panel/x/", 404),
    ):
        answer = ada.get(address)
        assert answer.status_code == status
        assert 'href="/panel/">To the studies' in answer.content.decode(), address
    assert "To the studies" not in ada.get("/s/nothing/").content.decode()
    assert "To the studies" not in Client().get("/panel/x/").content.decode()
