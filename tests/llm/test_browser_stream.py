"""The page's script in a real browser: words as they come, hostile words as words, and the page without a script."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import RequestFactory

from llm import calls, streams
from llm.models import Call
from llm.prompts import Reply
from tests.llm import helpers

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> a\nb & c"


def started() -> Call:
    call = helpers.ask("browser", streamed=True, deadline=60)
    call.claim(60)
    streams.Writer(call.pk).text("First words ")
    return call


def load(page: Any, server: str, call: Call, *, script: bool) -> None:
    """A page of the site with our fragment in it, and our script where a page would load it."""
    fragment = render_to_string("llm/stream.html", {"call": call}, RequestFactory().get("/"))
    loader = f'<script src="{server}/static/llm/stream.js"></script>' if script else ""
    html = (
        f"<!doctype html><html lang=en><title>Page</title><body><main>{fragment}</main>{loader}</body></html>"
    )
    page.route(f"{server}/page", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(f"{server}/page")


def later(work: Any) -> threading.Thread:
    def run() -> None:
        work()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_words_appear_as_they_come_and_stay_words(page: Any, server: str) -> None:
    call = started()
    load(page, server, call, script=True)
    page.wait_for_function("document.querySelector('.model-text').textContent.startsWith('First words')")
    assert page.get_attribute(".model-text", "aria-busy") == "true"
    text = f"First words {HOSTILE}"
    later(lambda: calls.succeed(call, Reply(text, text, "heed-rehearsal-1", "rehearsal"))).join()
    page.wait_for_selector(".model-text[data-outcome=done]", timeout=15000)
    assert page.text_content(".model-text") == text
    assert page.title() == "Page"
    assert page.locator(".model-text *").count() == 0
    assert page.get_attribute(".model-text", "aria-busy") == "false"


def test_an_outage_ends_with_the_registered_fallback(page: Any, server: str) -> None:
    from llm.errors import Unavailable

    call = started()
    load(page, server, call, script=True)
    page.wait_for_function("document.querySelector('.model-text').textContent.startsWith('First words')")
    later(lambda: calls.fail(call, Unavailable("cut"))).join()
    page.wait_for_selector(".model-text[data-outcome=fallback]", timeout=15000)
    assert page.text_content(".model-text") == "The registered fallback."


def test_without_javascript_the_finished_text_is_framed(browser: Any, server: str) -> None:
    call = started()
    text = f"All of it {HOSTILE}"
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    load(page, server, call, script=True)
    later(lambda: calls.succeed(call, Reply(text, text, "heed-rehearsal-1", "rehearsal"))).join()
    framed = page.frame_locator("iframe").locator(".model-text")
    framed.wait_for(timeout=15000)
    assert " ".join(framed.inner_text().split()) == " ".join(text.split())
    context.close()
