"""The participant's pages in a real browser: every arm and paradigm, phone and desk, keyboard, no script, axe."""

from __future__ import annotations

from typing import Any

import pytest

from study.protocol import read, shipped
from study.session import links
from study.session.models import Session
from tests.factories import changed, collecting, draft, tiny

pytestmark = pytest.mark.django_db(transaction=True)
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}


def groups_of(page: Any) -> list[str]:
    """Names of the page's radio groups that have no choice yet."""
    names = [box.get_attribute("name") for box in page.locator("#page input[type=radio]").all()]
    chosen = {box.get_attribute("name") for box in page.locator("#page input[type=radio]:checked").all()}
    return [name for name in dict.fromkeys(names) if name not in chosen]


def answer_page(page: Any) -> None:
    """Fill in whatever the page asks, as a person would, and press its button.

    The first option; after a wrong comprehension answer the last one.
    """
    again = page.locator("#page input[name=attempt]").get_attribute("value") != "1"
    for name in groups_of(page):
        options = page.locator(f"#page input[type=radio][name='{name}']")
        (options.last if again else options.first).check()
    for box in page.locator("#page input[type=checkbox]").all():
        box.check()
    for number in page.locator("#page input[type=number]").all():
        number.fill(number.get_attribute("min") or "30")
    for text in page.locator("#page textarea").all():
        text.fill("A few words.")
    page.locator("#page button.primary").click()
    page.wait_for_load_state()


def key_of(page: Any) -> str:
    """The open page's key; empty at the end."""
    field = page.locator("#page input[name=page]")
    return str(field.get_attribute("value")) if field.count() else ""


def walk(page: Any, axe: Any, *, most: int = 80) -> list[str]:
    """Walk to the end; every page must be free of axe findings, fit its window, and have exactly one main action."""
    seen: list[str] = []
    for _ in range(most):
        assert axe(page) == [], key_of(page)
        width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert width[0] <= width[1], f"{key_of(page)} scrolls sideways: {width}"
        key = key_of(page)
        if not key:
            return seen
        assert page.locator("#page button.primary").count() == 1
        seen.append(key)
        answer_page(page)
    raise AssertionError(f"no end after {most} pages: {seen[-3:]}")


@pytest.mark.parametrize("arm", ["control", "hedged", "no-ai"])
@pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_of_every_arm_is_accessible_and_fits(
    page: Any, axe: Any, arm: str, window: dict[str, int]
) -> None:
    page.set_viewport_size(window)
    page.goto(links.preview_path(collecting(), arm))
    seen = walk(page, axe)
    assert [key for key in seen if key.startswith("tasks")]
    assert page.get_by_role("heading", name="Thank you. You are done.").is_visible()


@pytest.mark.parametrize(
    ("protocol", "window"), [("uncertainty-reliance", PHONE), ("claims-two-stage", DESK)]
)
def test_the_shipped_protocols_are_walked_to_the_end(
    page: Any, axe: Any, protocol: str, window: dict[str, int]
) -> None:
    page.set_viewport_size(window)
    study = draft(read(shipped()[protocol]))
    arm = study.draft["arms"][1]["id"]
    page.goto(links.preview_path(study, arm))
    seen = walk(page, axe)
    again = {key for key in seen if seen.count(key) > 1}
    assert again <= {"comprehension", "check"}, "only comprehension is asked again"


def test_a_whole_walk_needs_no_mouse(page: Any) -> None:
    page.goto(links.preview_path(collecting(), "control"))
    for _ in range(40):
        if not key_of(page):
            break
        groups, done = set(groups_of(page)), set[str]()
        again = page.locator("#page input[name=attempt]").get_attribute("value") != "1"
        for _ in range(80):
            page.keyboard.press("Tab")
            kind, name = page.evaluate(
                "[document.activeElement.type || '', document.activeElement.name || '']"
            )
            if kind in ("radio", "checkbox") and name not in done and (kind == "checkbox" or name in groups):
                page.keyboard.press("Space")
                if again:
                    page.keyboard.press("ArrowDown")
                shown = "getComputedStyle(document.activeElement.closest('label')).outlineStyle"
                assert page.evaluate(shown) != "none", f"the focus on {name} cannot be seen"
                done.add(name)
            elif kind == "submit":
                break
        assert done >= groups
        with page.expect_navigation():
            page.keyboard.press("Enter")
    assert page.get_by_role("heading", name="Thank you. You are done.").is_visible()


def test_a_walk_works_without_javascript(browser: Any, server: str) -> None:
    context = browser.new_context(base_url=server, java_script_enabled=False)
    context.set_default_timeout(20_000)
    window = context.new_page()
    window.goto(links.preview_path(collecting(), "hedged"))
    for _ in range(40):
        if not window.locator("#page").count():
            break
        answer_page(window)
    assert window.get_by_role("heading", name="Thank you. You are done.").is_visible()
    context.close()


def test_a_double_click_and_the_back_button_cost_nothing(page: Any) -> None:
    study = collecting()
    page.goto(links.join_path(study))
    page.locator("#page input[type=checkbox]").first.check()
    page.locator("#page button.primary").dblclick()
    page.wait_for_load_state()
    page.wait_for_function("document.querySelector('input[name=page]').value !== 'consent'")
    session = Session.objects.get(study=study)
    assert session.submitted == 1
    answer_page(page)
    page.go_back()
    page.wait_for_load_state()
    page.goto(links.join_path(study))
    assert key_of(page) != "consent", "the same browser comes back to where it was"
    assert Session.objects.filter(study=study).count() == 1


def test_what_happens_on_a_page_is_noted_and_arrives(page: Any) -> None:
    study = collecting()
    page.goto(links.join_path(study))
    page.locator("#page input[type=checkbox]").first.check()
    answer_page(page)
    answer_page(page)
    kinds = set(Session.objects.get(study=study).events.values_list("kind", flat=True))
    assert {"shown", "change", "submit"} <= kinds
    load = Session.objects.get(study=study).events.filter(kind="shown").first()
    assert load is not None
    assert load.client_ms >= 0


def test_a_slider_can_be_set_by_drag_or_by_number_and_is_empty_until_then(page: Any) -> None:
    question = {"id": "sure", "kind": "slider", "text": "How sure are you?"}
    flow = [stage.model_dump(mode="json") for stage in tiny().flow]
    for stage in flow:
        if stage["id"] == "views":
            stage["questions"].append(question)
    page.goto(links.preview_path(collecting(changed(tiny(), flow=flow)), "control"))
    while key_of(page) != "views":
        answer_page(page)
    box, bar = page.locator("input[name=sure]"), page.locator("[data-slider] input[type=range]")
    assert box.input_value() == ""
    bar.focus()
    page.keyboard.press("ArrowRight")
    assert box.input_value() == "51"
    box.fill("77")
    assert bar.input_value() == "77"


def test_a_withdrawal_from_any_page_ends_with_the_debrief(page: Any, axe: Any) -> None:
    page.goto(links.preview_path(collecting(), "control"))
    while not key_of(page).startswith("tasks"):
        answer_page(page)
    page.get_by_role("link", name="Leave the study").click()
    assert axe(page) == []
    page.get_by_role("button", name="Leave the study").click()
    page.wait_for_load_state()
    assert page.get_by_role("heading", name="You have left the study.").is_visible()
    assert page.get_by_text("True answer:").first.is_visible()
    page.get_by_role("link", name="My data").click()
    assert axe(page) == []
