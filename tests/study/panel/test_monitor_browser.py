"""The monitor that renews itself: what is open stays open, old figures are called old, and a session's end is seen."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session as BrowserSession
from django.test import Client

from tests import factories
from tests.study.closed import walked

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "/panel/studies/tiny-rehearsal/monitor/"


def signed_in(context: Any, server: str) -> None:
    client = Client()
    client.force_login(factories.user("ada", is_superuser=True))
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server}])


@pytest.fixture
def watching(page: Any, server: str) -> Any:
    """A window in which somebody looks at the monitor of a study under way."""
    signed_in(page.context, server)
    walked(close=False)
    page.goto(ADDRESS)
    return page


def renewed(page: Any) -> None:
    """Wait for the figures of another time."""
    before = page.locator("#monitor .live").inner_text()
    page.wait_for_function(
        "told => document.querySelector('#monitor .live').innerText !== told", arg=before, timeout=30_000
    )


def test_what_is_open_and_where_the_keyboard_is_stay_when_the_figures_are_renewed(watching: Any) -> None:
    watching.locator("section", has_text="Arrivals by").locator("summary").focus()
    watching.keyboard.press("Enter")
    renewed(watching)
    assert watching.locator("details[open] summary").inner_text() == "As a table"
    assert watching.evaluate("document.activeElement.innerText") == "As a table"
    watching.get_by_role("link", name="Close …").focus()
    renewed(watching)
    assert watching.evaluate("document.activeElement.innerText") == "Close …"


def test_a_reader_may_have_the_page_stand_still(watching: Any) -> None:
    renew = "htmx.ajax('GET', location.pathname, {source: '#monitor', target: '#monitor'})"
    asked: list[str] = []
    watching.on("request", lambda request: asked.append(request.url) if ADDRESS in request.url else None)
    watching.get_by_role("button", name="Stand still").click()
    watching.evaluate(renew)
    assert asked == []
    watching.get_by_role("button", name="Stand still").click()
    watching.evaluate(renew)
    assert asked


def test_figures_that_could_not_be_renewed_are_called_old_until_they_are_new(
    browser: Any, server: str
) -> None:
    walked(close=False)
    context = browser.new_context(base_url=server)
    signed_in(context, server)
    page = context.new_page()
    page.goto(ADDRESS)
    page.route("**" + ADDRESS, lambda route: route.abort())
    page.get_by_text("these are old figures").wait_for(timeout=30_000)
    page.unroute("**" + ADDRESS)
    page.get_by_text("these are old figures").wait_for(state="hidden", timeout=30_000)
    context.close()


def test_when_the_session_is_over_the_sign_in_is_a_page_of_its_own(watching: Any) -> None:
    BrowserSession.objects.all().delete()
    watching.wait_for_url("**/panel/login/**", timeout=30_000)
    assert watching.locator("#monitor").count() == 0
    assert watching.get_by_label("Password").is_visible()
