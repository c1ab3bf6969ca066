"""The explorer in a real browser: what is drawn, what answers at once, and the keyboard's way through it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.elicitation.crowd import crowd

WAIT = 60_000


def opened(page: Any, server: str, study: Any, query: str = "") -> Any:
    page.goto(f"{server}/graphs/{study.slug}/{query}")
    page.wait_for_selector("#view[data-ready]", timeout=WAIT)
    return page


def drawn(page: Any) -> int:
    return int(page.get_attribute("#sheet-0", "data-drawn") or 0)


TIMED = """async (chosen) => {
  const canvas = document.querySelector("#sheet-0"), field = document.querySelector("#f-context");
  const frame = () => new Promise((done) => { const before = canvas.dataset.drawn; const look = () => canvas.dataset.drawn === before ? requestAnimationFrame(look) : done(); look(); });
  const start = performance.now();
  field.value = chosen;
  field.dispatchEvent(new Event("change", {bubbles: true}));
  await frame();
  canvas.getContext("2d").getImageData(0, 0, 1, 1);
  return [performance.now() - start, document.querySelector("#said").textContent];
}"""


def test_the_graph_is_walked_filtered_and_opened_by_keyboard(
    page: Any, server: str, settings: Any, axe: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    study = crowd(12, 20, people=48)
    page.set_viewport_size({"width": 360, "height": 740})
    opened(page, server, study)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.focus("#sheet-0")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    assert "rank" in page.text_content("#said")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel:not([hidden]) h2", timeout=WAIT)
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.wait_for_selector("#panel", state="hidden")
    assert page.evaluate("document.activeElement.id") == "sheet-0"
    page.fill("#find", "number 1")
    assert page.text_content("#found").startswith("3 ")
    page.select_option("#f-case", "riot")
    page.wait_for_selector('#view[data-answered="?case=riot"]', timeout=WAIT)
    assert page.url.endswith("?case=riot")
    assert page.text_content("#counted").startswith("24 votes")
    page.select_option("#f-case", "")
    page.select_option("#f-group", "leaning:left")
    page.select_option("#f-versus", "leaning:right")
    page.wait_for_selector("#group-0:not([hidden])", timeout=WAIT)
    question = "Where would you place yourself politically?"
    assert page.text_content("#group-1") == f"{question} Right of the centre"
    assert page.get_attribute("#f-group optgroup:last-of-type", "label") == question


def test_back_leads_to_what_was_open_and_a_filter_to_its_own_figures(
    page: Any, server: str, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    opened(page, server, crowd(12, 20, people=48))
    page.focus("#sheet-0")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel:not([hidden]) h2", timeout=WAIT)
    first = page.text_content("#behind h2")
    page.locator("#behind a[href*='/pair/']").first.click()
    page.wait_for_function("first => document.querySelector('#behind h2').textContent !== first", arg=first)
    page.go_back()
    page.wait_for_function("first => document.querySelector('#behind h2').textContent === first", arg=first)
    page.select_option("#f-case", "riot")
    page.wait_for_function(
        "() => { const panel = document.querySelector('#panel'); return panel.hidden || panel.dataset.address.includes('case=riot'); }"
    )
    assert page.url.endswith("?case=riot")


@pytest.mark.soak
def test_two_thousand_values_and_five_thousand_edges(page: Any, server: str, settings: Any) -> None:
    """Prints how long it takes: `pytest -m soak tests/elicitation/test_explorer_page.py -s`."""
    import time

    from django.db import connection

    settings.ALLOWED_HOSTS = ["*"]
    study = crowd(2000, 5000, people=4000)
    connection.cursor().execute("ANALYZE")
    start = time.perf_counter()
    document = Client().get(f"/graphs/{study.slug}/scene.json").content
    print(
        f"\nscene.json of all votes, first time: {time.perf_counter() - start:.2f} s, {len(document) / 1e6:.2f} MB"
    )
    page.set_viewport_size({"width": 1280, "height": 900})
    start = time.perf_counter()
    opened(page, server, study)
    print(f"page until the canvas is drawn: {time.perf_counter() - start:.2f} s")
    scene = json.loads(document)
    assert len(scene["graphs"][0]["values"]["at"]) == 2000
    assert len(scene["graphs"][0]["edges"]["from"]) == 5000
    times, own = [], []
    for chosen in [*scene["marks"]["context"]["options"][:3], ""]:
        start = time.perf_counter()
        took, _said = page.evaluate(TIMED, chosen)
        times.append(took)
        print(f"filter: frame after {took:.0f} ms", flush=True)
        page.wait_for_selector(f'#view[data-answered="{_query(chosen)}"]', timeout=WAIT)
        own.append(time.perf_counter() - start)
    print("a filter by context until its frame is drawn, ms:", ", ".join(f"{one:.0f}" for one in times))
    print("until its own ranks and tables are there, s:", ", ".join(f"{one:.1f}" for one in own))
    redraw = page.evaluate(
        """async () => { const t = []; const c = document.querySelector("#sheet-0"); c.focus();
        for (let n = 0; n < 20; n++) { const before = c.dataset.drawn, at = performance.now();
          c.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowDown", bubbles: true}));
          while (c.dataset.drawn === before) await new Promise(requestAnimationFrame);
          c.getContext("2d").getImageData(0, 0, 1, 1); t.push(performance.now() - at); } return t; }"""
    )
    print(
        f"an arrow key until its frame is drawn, ms: median {sorted(redraw)[10]:.0f}, worst {max(redraw):.0f}"
    )
    start = time.perf_counter()
    Client().get(
        f"/graphs/{study.slug}/scene.json",
        {"context": scene["marks"]["context"]["options"][1], "case": "riot"},
    )
    print(f"the server's own ranks of a new filter: {time.perf_counter() - start:.2f} s")
    start = time.perf_counter()
    Client().get(f"/graphs/{study.slug}/tables/")
    print(f"tables of everything: {time.perf_counter() - start:.2f} s")
    page.screenshot(path=SHOT) if SHOT else None


import os  # noqa: E402
from urllib.parse import urlencode  # noqa: E402

SHOT = os.environ.get("HEED_SHOT", "")


def _query(context: str) -> str:
    return "?" + urlencode({"context": context}) if context else ""
