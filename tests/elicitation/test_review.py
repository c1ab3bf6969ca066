"""The review desk: who may do what, in how many queries, and by keyboard alone in a browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from elicitation.models import Card, CaseDraft, DeskRun, MappingDecision, Proposal, mapping_of
from elicitation.review.urls import urlpatterns
from elicitation.upgrades.models import State
from study.panel.models import StudyRole
from study.registration.models import Study
from tests import factories
from tests.elicitation.case_drafts.drafts import made as drafted
from tests.elicitation.merges.pairs import compared
from tests.elicitation.people import small
from tests.elicitation.upgrades.test_proposing import made
from tests.factories import collecting
from tests.study.panel.test_browser import looked_at

pytestmark = pytest.mark.django_db(transaction=True)
ROLES = ["owner", "researcher", "analyst", "assistant"]
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def study() -> Study:
    study = collecting(small())
    for code, title in [("a", "Patient Ear"), ("b", "Listening Well"), ("c", EVIL), *((c, c) for c in "def")]:
        Card.objects.create(
            study=study, code=code, title=title, description="It matters.", policies=["SIGNS"], digest=code
        )
    MappingDecision.objects.create(
        study=study, number=1, kind="merge", cards=["a", "b", "c"], reason="same", by="m"
    )
    for number in (1, 2, 3):
        made(
            study,
            number=number,
            to_value=["peace", "trust", "candour"][number - 1],
            story=f"I moved {EVIL} {number}.",
        )
    return study


def signed_in(study: Study, role: str = "owner") -> Client:
    client, user = Client(), factories.user("ada")
    StudyRole.objects.create(study=study, user=user, role=role)
    client.force_login(user)
    return client


def address(study: Study, name: str, *args: Any) -> str:
    return reverse(f"review:{name}", args=[study.slug, *args])


ALL, EDITORS = set(ROLES), {"owner", "researcher"}
ALLOWED = {
    "cases": ALL,
    "cases-progress": ALL,
    "draft-cases": EDITORS,
    "decide-case": EDITORS,
    "upgrades": ALL,
    "upgrades-progress": ALL,
    "merges": ALL,
    "merges-progress": ALL,
    "decisions": ALL,
    "curve": ALL,
    "curve-figure": ALL,
    "follow-up": EDITORS | {"analyst"},
    "follow-up-links": EDITORS,
    "by-hand": EDITORS,
    "propose": EDITORS,
    "decide": EDITORS,
    "search-merges": EDITORS,
    "decide-merge": EDITORS,
    "accept-merges": EDITORS,
    "split": EDITORS,
}
POSTED = {
    "draft-cases": {"subjects": "a debt", "each": "1"},
    "decide-case": {"do": "reject", "reason": "Too near."},
    "propose": {},
    "decide": {"do": "approve"},
    "search-merges": {"threshold": "0.2"},
    "decide-merge": {"do": "accept"},
    "accept-merges": {"pair": "2"},
    "split": {"card": "b", "reason": "other"},
    "follow-up-links": {},
}
ARGS: dict[str, list[Any]] = {
    "decide": [1],
    "decide-case": [1],
    "decide-merge": [1],
    "curve-figure": ["values"],
}


def test_the_table_names_every_address() -> None:
    assert {pattern.name for pattern in urlpatterns} == set(ALLOWED)


@pytest.mark.parametrize("role", [*ROLES, "nobody", "anonymous"])
def test_every_role_meets_exactly_its_pages(study: Study, role: str) -> None:
    compared(study, "de")
    compared(study, "ef")
    drafted(study)
    client = signed_in(study, role) if role in ROLES else Client()
    if role == "nobody":
        client.force_login(factories.user("eve"))
    for name, allowed in ALLOWED.items():
        where = address(study, name, *ARGS.get(name, []))
        status = (client.post(where, POSTED[name]) if name in POSTED else client.get(where)).status_code
        asks = name in ("accept-merges", "by-hand") or name not in POSTED
        expected = 404 if name == "curve-figure" else 200 if asks else 302  # there is no curve yet
        expected = 409 if name == "draft-cases" else expected  # the study is registered
        expected = expected if role in allowed else 403
        assert status == {"anonymous": 302, "nobody": 404}.get(role, expected), name
    changed = role in EDITORS
    assert Proposal.objects.with_state(State.APPROVED).exists() is changed
    assert CaseDraft.objects.with_state(State.REJECTED).exists() is changed
    assert [one.kind for one in mapping_of(study.pk).decisions] == ["merge", "merge", "split"] * changed or [
        "merge"
    ]
    assert DeskRun.objects.count() == 2 * changed
    for name in POSTED:
        assert client.get(address(study, name, *ARGS.get(name, []))).status_code in (302, 405), name


def test_the_pages_show_words_as_text_in_a_fixed_number_of_queries(
    study: Study, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(study)
    client.get(address(study, "upgrades"))
    with django_assert_max_num_queries(11):
        shown = client.get(address(study, "upgrades")).content.decode()
    assert "I moved &lt;script&gt;" in shown
    assert EVIL not in shown
    for number in range(4, 11):
        made(study, number=number, context=f"When {number}")
    with django_assert_max_num_queries(11):
        client.get(address(study, "upgrades"))


def test_the_tab_stands_at_studies_that_elicit_and_at_no_other(study: Study) -> None:
    client = signed_in(study)
    assert (
        address(study, "upgrades") in client.get(reverse("panel:study", args=[study.slug])).content.decode()
    )
    other = collecting()
    StudyRole.objects.create(study=other, user=factories.user("ada"), role="owner")
    assert "/upgrades/" not in client.get(reverse("panel:study", args=[other.slug])).content.decode()


def test_by_keyboard_one_is_approved_and_one_rejected_with_a_reason_and_axe_finds_nothing(
    study: Study, page: Any, server: str, axe: Any
) -> None:
    client = signed_in(study)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server}])
    looked_at(page, axe, server + address(study, "upgrades"))
    page.keyboard.press("j")
    with page.expect_navigation():
        page.keyboard.press("a")
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.keyboard.type("It lectures.")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("text=is rejected")
    states = dict(Proposal.objects.with_state().values_list("number", "state"))
    assert states == {1: "approved", 2: "rejected", 3: "open"}
