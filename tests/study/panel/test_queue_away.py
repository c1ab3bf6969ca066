"""A queue that is away or hangs: the page says at once that nothing was begun, and nothing waits for it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from study import waking
from study.accounts.models import Invitation
from study.analyses.models import Exploration
from study.panel.models import BundleRun, Simulation
from tests import factories
from tests.llm.test_workers import _celery_uses as celery_uses
from tests.study.closed import walked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.user("boss", is_superuser=True))
    return client


@pytest.fixture
def away() -> Iterator[None]:
    with celery_uses("redis://127.0.0.1:1/0"):
        yield


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A queue that takes connections and never says a word."""
    monkeypatch.setattr(waking, "PATIENCE", 0.3)
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        celery_uses(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"),
    ):
        yield


def test_a_power_simulation_says_that_it_was_not_begun_and_can_be_asked_for_again(
    boss: Client, away: None
) -> None:
    factories.draft()
    page = boss.post("/panel/studies/tiny/power/", {"runs": "40"}, follow=True)
    assert page.status_code == 200
    assert "the queue does not answer" in page.content.decode()
    assert "Simulate the power" in page.content.decode()
    boss.post("/panel/studies/tiny/power/", {"runs": "40"})
    assert Simulation.objects.filter(problem=waking.NO_QUEUE).count() == 2


def test_a_queue_that_hangs_does_not_keep_the_page(boss: Client, hanging: None) -> None:
    factories.draft()
    page = boss.post("/panel/studies/tiny/power/", {"runs": "40"}, follow=True)
    assert "the queue does not answer" in page.content.decode()


def test_analysis_look_and_bundle_say_that_they_were_not_begun(boss: Client, away: None) -> None:
    walked()
    home = "/panel/studies/tiny-rehearsal/analysis/"
    page: Any = boss.post(home + "run/", follow=True)
    assert "the queue does not answer" in page.content.decode()
    assert not page.context["waiting"], "a run that no worker knows of is not waited for"
    look = {"outcome": "trials.agree", "predictor": "trials.arm", "subgroup": "", "value": ""}
    assert "the queue does not answer" in boss.post(home + "explore/", look, follow=True).content.decode()
    assert "the queue does not answer" in boss.post(home + "bundle/make/", follow=True).content.decode()
    assert Exploration.objects.get().finished_at is not None
    assert BundleRun.objects.get().finished_at is not None


def test_an_invitation_is_kept_and_says_that_its_mail_did_not_go(boss: Client, away: None) -> None:
    factories.draft()
    offer = {"email": "eve@example.org", "role": "analyst"}
    page = boss.post("/panel/studies/tiny/invitations/", offer).content.decode()
    assert "its mail did not go" in page
    assert "the mail is on its way" not in page
    assert "eve@example.org" in page
    assert Invitation.objects.get().problem == waking.NO_QUEUE
