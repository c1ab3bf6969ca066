"""From the button to the pairs with a real worker, while the page stays where it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from elicitation.runs.models import DeskRun
from tests.elicitation.merges.pairs import WORDS, states, with_cards
from tests.elicitation.test_review import address, signed_in
from tests.llm.processes import worker
from tests.llm.test_workers import environment, paced

__all__ = ["environment", "paced"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_searches_and_the_page_shows_what_came_without_a_reload(
    page: Any, server: str, environment: dict[str, str]
) -> None:
    study = with_cards(WORDS)
    client, name = signed_in(study), settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server}])
    page.goto(server + address(study, "merges"))
    page.fill("#threshold", "2")
    page.click("text=Look for values that are one")
    page.wait_for_selector("text=Waiting for a worker")
    page.evaluate("window.stayed = true")
    with worker(environment):
        page.wait_for_selector("text=The search has ended.", timeout=90_000)
    assert page.evaluate("window.stayed") is True
    run = DeskRun.objects.get()
    assert run.problem == ""
    assert run.done == run.total == 45
    assert "open" in states(study).values()
