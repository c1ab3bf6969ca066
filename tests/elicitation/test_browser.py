"""The elicitation's pages in a real browser: axe, 320 pixels, the keyboard, and a conversation that streams."""

from __future__ import annotations

from typing import Any

from tests.elicitation.people import fill, offered, small, vote
from tests.elicitation.test_interview import ANSWERS, say, talking, work
from tests.factories import collecting
from tests.study.session.visitor import Visitor


def faultless(visitor: Visitor, page: Any, axe: Any) -> None:
    assert visitor.page is not None
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(visitor.address)
    assert axe(page) == [], visitor.page.key
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, visitor.page.key


def test_every_page_from_the_case_to_the_last_story(page: Any, axe: Any, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    visitor = Visitor(collecting(small())).open().go_to("card")
    for part in ("case", "story", "attention", "policies", "words", "card"):
        faultless(visitor, page, axe)
        visitor.send(**fill(part))
    faultless(visitor, page, axe)
    visitor.send(chosen=offered(visitor)[:2])
    faultless(visitor, page, axe)
    vote(visitor)
    faultless(visitor, page, axe)


def test_a_conversation_streams_and_shows_its_card(page: Any, axe: Any, settings: Any, model: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    visitor = Visitor(collecting(talking())).open().go_to("card")
    visitor.send(**fill("case"))
    for text in ANSWERS[:-1]:
        say(visitor, text)
        work()
    page.goto(visitor.address)
    other = page.context.new_page()
    other.goto(visitor.address)
    page.fill("#q-message", ANSWERS[-1])
    page.click("button.primary")
    page.wait_for_selector("[aria-busy]", state="attached")
    other.fill("#q-message", "From the other window.")
    other.click("button.primary")
    other.wait_for_selector(f"#now:has-text('{ANSWERS[-1]}')")
    assert other.input_value("#q-message") == "From the other window."  # not sent, and not lost
    other.close()
    assert page.input_value("#q-message") == ""
    assert page.evaluate("document.activeElement.id") == "q-message"
    page.fill("#q-message", "Typed while")
    work()
    page.wait_for_selector("#offer")
    page.wait_for_selector("[data-awaited]", state="detached")
    assert page.input_value("#q-message") == "Typed while"
    page.fill("#q-message", "")
    assert axe(page) == []
    page.click("button[name=leave][value=card]")
    page.wait_for_selector("#q-title")
    page.click("text=Your conversation")
    page.get_by_text(ANSWERS[0]).wait_for()
    assert axe(page) == []
    assert page.input_value("#q-title")
