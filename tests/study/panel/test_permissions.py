"""Roles × addresses: a table without an unexpected cell; and who gives and takes roles, and what the log keeps."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from llm.calls import request
from study.panel.models import DraftVersion, StudyRole
from study.panel.urls import urlpatterns
from study.payment.models import BonusBatch
from study.phrasing.models import Wording
from study.registration import actions
from study.registration.models import AuditEntry, Study
from tests import factories
from tests.llm.helpers import prompt

pytestmark = pytest.mark.django_db
ROLES = ["owner", "researcher", "analyst", "assistant"]
ALL, EDITORS, HELPERS = set(ROLES), {"owner", "researcher"}, {"owner", "researcher", "assistant"}
ANALYSTS = {"owner", "researcher", "analyst"}
ALLOWED = {
    "study": ALL,
    "protocol": ALL,
    "instrument": ALL,
    "confidence": ALL,
    "confidence-figure": ALL,
    "preview": ALL,
    "monitor": ALL,
    "phrasings": ALL,
    "phrasings-progress": ALL,
    "wording": ALL,
    "call": ALL,
    "phrasings-ask": EDITORS,
    "phrasings-put": EDITORS,
    "move": EDITORS,
    "edit": EDITORS,
    "check": EDITORS,
    "form": EDITORS,
    "check-form": EDITORS,
    "versions": EDITORS,
    "restore": EDITORS,
    "register": EDITORS,
    "power": EDITORS,
    "cancel-power": EDITORS,
    "power-figure": ALL,
    "rehearse": EDITORS,
    "participants": HELPERS,
    "participant": HELPERS,
    "payment": HELPERS,
    "tell": EDITORS,
    "bonuses": EDITORS,
    "bonus-list": EDITORS,
    "bonus-batch": EDITORS,
    "withdraw": EDITORS,
    "copy": EDITORS,
    "analysis": ANALYSTS,
    "run": ANALYSTS,
    "tables": ANALYSTS,
    "explore": ANALYSTS,
    "explore-figure": ANALYSTS,
    "bundles": ANALYSTS,
    "make-bundle": ANALYSTS,
    "download-bundle": ANALYSTS,
    "unblind": {"owner"},
    "people": {"owner"},
    "invitations": {"owner"},
    "change-invitation": {"owner"},
    "log": EDITORS,
}
POSTED = {
    "phrasings-ask",
    "change-invitation",
    "tell",
    "bonus-list",
    "bonus-batch",
    "check",
    "cancel-power",
    "check-form",
    "restore",
    "rehearse",
    "copy",
    "run",
    "make-bundle",
    "download-bundle",
    "tables",
    "unblind",
}
ELSEWHERE = {
    "tell",
    "bonus-batch",
    "phrasings-ask",
    "change-invitation",
    "run",
    "make-bundle",
    "download-bundle",
    "rehearse",
    "restore",
    "cancel-power",
    "power-figure",
    "explore-figure",
    "confidence-figure",
}  # lead on, or have nothing to show yet
ACCOUNT = {"account", "two-factor", "turn-off", "recovery", "password", "sign-out-everywhere"}
OPEN = {"invitation", "login", "code", "logout", "studies", "new"} | ACCOUNT


def closed() -> tuple[Study, str]:
    """A closed study with one participant."""
    study = factories.collecting()
    DraftVersion.objects.create(study=study, number=1, text="", sha256="")
    session = factories.session(study)
    actions.close(study=study, by=None)
    return study, session.participant.code


def answer(client: Client, name: str, code: str) -> int:
    """The status of one address, asked in its own way."""
    args: dict[str, Any] = {"slug": "tiny"}
    if name in ("participant", "withdraw", "copy"):
        args["code"] = code
    if name == "preview":
        args["arm"] = "control"
    if name == "move":
        args["name"] = "close"
    if name in ("form", "check-form"):
        args["part"] = "items"
    if name == "change-invitation":
        args |= {"number": 1, "name": "revoke"}
    if name == "bonus-batch":
        args["number"] = BonusBatch.objects.get_or_create(study=Study.objects.get())[0].pk
    if name in ("restore", "explore-figure", "confidence-figure", "download-bundle"):
        args["number"] = 1
    if name == "wording":
        args["pk"] = Wording.objects.get_or_create(study=Study.objects.get(), item="moon", stance="no")[0].pk
    if name == "call":
        asked = prompt(task="study.phrasing.answer")
        args["pk"] = request(asked, key="seen", purpose=asked.template, study=Study.objects.get().pk).pk
    address = reverse(f"panel:{name}", kwargs=args)
    return client.post(address).status_code if name in POSTED else client.get(address).status_code


def test_the_table_names_every_address() -> None:
    assert {pattern.name for pattern in urlpatterns} == set(ALLOWED) | OPEN


@pytest.mark.parametrize("role", [*ROLES, "nobody", "anonymous"])
def test_every_role_meets_exactly_its_pages(client: Client, role: str) -> None:
    study, code = closed()
    user = factories.user("ada")
    if role in ROLES:
        StudyRole.objects.create(study=study, user=user, role=role)
    if role != "anonymous":
        client.force_login(user)
    for name, allowed in ALLOWED.items():
        status = answer(client, name, code)
        if role == "anonymous":
            assert status == 302, name
        elif role == "nobody":
            assert status == 404, name
        elif role in allowed:
            assert status not in (302, 403, 404, 405, 500) or name in ELSEWHERE, (
                name,
                status,
            )
        else:
            assert status == 403, (name, status)


def test_tabs_lead_only_where_somebody_may_go(client: Client) -> None:
    study, _code = closed()
    client.force_login(factories.user("ada"))
    for role in ROLES:
        StudyRole.objects.update_or_create(study=study, user=factories.user("ada"), defaults={"role": role})
        for _name, _label, url in client.get("/panel/studies/tiny/").context["tabs"]:
            assert client.get(reverse(url, args=["tiny"])).status_code == 200, (role, url)


def test_roles_are_given_and_taken_on_the_record(client: Client) -> None:
    study = factories.collecting()
    Study.objects.filter(pk=study.pk).update(owner=factories.user("ada"))
    factories.user("grace")
    client.force_login(factories.user("ada"))
    address = "/panel/studies/tiny/roles/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"username": "grace", "role": "analyst"}).status_code == 302
    assert StudyRole.objects.get().role == "analyst"
    for wrong in [
        {"username": "ghost", "role": "analyst"},
        {"username": "ada", "role": "analyst"},
        {"username": "grace", "role": "king"},
    ]:
        assert client.post(address, wrong).status_code == 422
    assert client.post(address, {"username": "grace", "take": "yes"}).status_code == 302
    assert not StudyRole.objects.exists()
    told = list(AuditEntry.objects.filter(study=study).order_by("number").values_list("actor", "action"))
    assert told[-2:] == [("ada", "gave a role"), ("ada", "took a role")]


def test_the_log_is_searched_and_its_chain_checked(client: Client) -> None:
    study = factories.collecting()
    actions.pause(study=study, by=factories.user("grace"), reason="A typo on page two.")
    client.force_login(factories.user("boss", is_superuser=True))
    address = "/panel/studies/tiny/log/"

    def found(query: str) -> list[str]:
        return [entry.action for entry in client.get(address, {"q": query}).context["listed"].object_list]

    assert found("") == ["paused", "opened", "registered", "loaded"]
    assert found("typo") == found("GRACE") == ["paused"]
    assert found("nothing like that") == []

    def filtered(**asked: str) -> list[str]:
        return [entry.action for entry in client.get(address, asked).context["listed"].object_list]

    assert filtered(who="grace") == ["paused"]
    assert filtered(what="opened", since="2000-01-01") == ["opened"]
    assert filtered(until="2000-01-01") == filtered(who="nobody") == []
    assert len(filtered(since="no date", until="2026-02-31")) == 4
    assert "in its place and unchanged" in client.get(address, {"check": 1}).content.decode()
    assert factories.SEED not in client.get(address).content.decode()
