"""A new researcher's whole way in a browser: from signing in to the report of an own, rehearsed study. No shell."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from study.analyses import tasks as analyses
from study.panel import tasks as panel
from study.registration.models import Study
from tests import factories
from tests.factories import PROTOCOLS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tasks run in threads of their own, as a worker's do."""
    threads: list[threading.Thread] = []

    def later(task: Callable[..., None]) -> Callable[..., None]:
        def run(args: tuple[Any, ...]) -> None:
            try:
                task(*args)
            finally:
                connections.close_all()

        def start(args: tuple[Any, ...] = (), *rest: Any, **more: Any) -> None:
            threads.append(threading.Thread(target=run, args=(args,)))
            threads[-1].start()

        return start

    for task in (analyses.analyse, panel.simulate):
        monkeypatch.setattr(task, "apply_async", later(task.run))
    yield
    for thread in threads:
        thread.join(60)


def test_from_signing_in_to_the_report_without_a_shell(page: Any, worker: None) -> None:
    page.context.set_default_timeout(60_000)
    user = factories.user("mary")
    user.set_password("a long enough word")
    user.save()
    page.goto("/panel/")
    page.get_by_label("Name").fill("mary")
    page.get_by_label("Password").fill("a long enough word")
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("link", name="New study").first.click()
    page.get_by_role("radio", name="pasted YAML").check()
    page.locator("#id_text").fill((PROTOCOLS / "tiny.yaml").read_text())
    page.get_by_label("Mode").select_option("rehearsal")
    page.get_by_role("button", name="Create the draft").click()

    page.get_by_role("link", name="Register …").click()
    page.get_by_label("Simulated studies a model").select_option("40")
    page.get_by_role("button", name="Simulate the power").click()
    page.get_by_text("40 simulated studies of 12 participants").wait_for()
    page.get_by_role("button", name="Register").click()
    page.get_by_text("Publish the hash").wait_for()

    page.get_by_role("link", name="Open …").click()
    page.get_by_role("button", name="Open").click()
    page.get_by_label("How many are to complete").fill("12")
    page.get_by_role("button", name="Send them").click()
    page.locator(".figures dd", has_text="12 of 12 wanted").wait_for()  # the monitor renews itself

    page.get_by_role("link", name="Close …").click()
    page.get_by_role("button", name="Close").click()
    page.get_by_role("link", name="Analysis").click()
    page.get_by_role("button", name="Run the registered analysis").click()
    page.get_by_text("What was found").wait_for()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Read the report").click()
    assert "A tiny study of advice" in opened.value.content()
    assert Study.objects.get().state == "closed"
