"""A new researcher's whole way in a browser: from signing in to the report of an own, rehearsed study. No shell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from study.registration.models import Study
from tests import factories
from tests.factories import PROTOCOLS
from tests.llm.processes import worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at_work(child_environment: dict[str, str]) -> Iterator[None]:
    """A real worker process on the test's database and broker."""
    with worker(child_environment):
        yield


def test_from_signing_in_to_the_report_without_a_shell(page: Any, at_work: None) -> None:
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

    page.get_by_role("link", name="Edit the protocol").click()
    page.get_by_label("Title").fill("My own study of advice")
    page.locator("#judged .changes").get_by_text("title").wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="First-person hedge").click()
    page.get_by_role("navigation", name="Pages of this arm").get_by_role("link").nth(3).click()
    page.frame_locator("iframe").get_by_text("Is the Moon larger than Mercury?").wait_for()
    page.get_by_role("link", name="Overview").click()

    page.get_by_role("link", name="Register …").click()
    page.get_by_label("Simulated studies a model").select_option("40")
    page.get_by_role("button", name="Simulate the power").click()
    page.get_by_text("40 simulated studies of 12 participants").wait_for()
    curve = page.locator("img.figure")
    assert curve.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
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
    assert "My own study of advice" in opened.value.content()
    opened.value.close()

    page.get_by_role("link", name="Explore").click()
    page.get_by_label("Outcome").select_option("trials.agree")
    page.get_by_role("button", name="Look").click()
    page.get_by_role("table").wait_for()
    assert page.get_by_text("EXPLORATORY: not in the registered plan").count() >= 2
    assert Study.objects.get().state == "closed"
