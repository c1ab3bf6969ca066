"""Any page of any arm at a click, marked, framed only by us, and never counted."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from study.protocol import Protocol, read, shipped
from study.registration.models import Study
from study.session.models import Session
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.user("boss", is_superuser=True))
    return client


def framed(client: Client, address: str) -> Any:
    """The page inside the frame."""
    return client.get(client.get(address).context["source"], follow=True)


@pytest.mark.parametrize("name", ["tiny", *shipped()])
def test_every_page_of_every_arm_can_be_jumped_to(boss: Client, name: str) -> None:
    protocol: Protocol = factories.tiny() if name == "tiny" else read(shipped()[name])
    factories.draft(protocol, slug="one")
    for arm in protocol.arms if name == "tiny" else protocol.arms[-1:]:
        address = f"/panel/studies/one/preview/{arm.id}/"
        pages = boss.get(address).context["pages"]
        assert len(pages) >= len([s for s in protocol.flow if not s.arms or arm.id in s.arms])
        stages = [page["title"] for page in pages]
        for number in range(len(pages)):
            if name != "tiny" and stages[number] in stages[:number]:
                continue  # every page of the small study, the first of every stage elsewhere
            page = framed(boss, f"{address}?at={number}")
            assert page.status_code == 200, (arm.id, pages[number])
            assert "Preview: nothing here is counted." in page.content.decode()
            assert Session.objects.get(token=page.request["PATH_INFO"].split("/")[2]).position == number


def test_previews_are_outside_all_counts_and_of_the_arm_that_was_chosen(boss: Client) -> None:
    study = factories.collecting()
    page = framed(boss, "/panel/studies/tiny/preview/hedged/?at=99999")
    made = Session.objects.get()
    assert made.preview_arm == "hedged"
    assert made.slot is None
    assert not Session.objects.counted().exists()
    assert not study.slots.exclude(state="free").exists()
    assert page.status_code == 200
    assert boss.get("/panel/studies/tiny/monitor/").status_code == 200


def test_a_preview_may_be_framed_by_us_and_a_participants_page_by_nobody(boss: Client) -> None:
    study = factories.collecting()
    page = framed(boss, "/panel/studies/tiny/preview/control/?at=2")
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    theirs = Client().get(f"/s/{factories.session(study).token}/")
    assert theirs.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in theirs.headers["Content-Security-Policy"]


@pytest.mark.parametrize("query", ["?at=-1", "?at=x", "?at=99999999999", "?width=<b>", "?lang=xx", "?at=%00"])
def test_odd_questions_show_the_first_page(boss: Client, query: str) -> None:
    factories.draft()
    answer = boss.get(f"/panel/studies/tiny/preview/control/{query}")
    assert answer.status_code == 200
    assert answer.context["at"] == 0
    assert answer.context["width"] == "desktop"
    assert boss.get(f"/panel/studies/tiny/preview/nowhere/{query}").status_code == 404


def test_somebody_without_a_role_makes_no_preview(client: Client) -> None:
    factories.draft()
    client.force_login(factories.user("eve"))
    assert client.get("/panel/studies/tiny/preview/control/").status_code == 404
    assert Study.objects.get().state == "draft"
    assert not Session.objects.exists()
