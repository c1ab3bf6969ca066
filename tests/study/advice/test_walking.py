"""Live answers over HTTP: simulated participants with a real worker, and people with a real browser."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from llm import calls, store, worker
from llm.errors import Unavailable
from llm.models import Call
from llm.rehearsal_model.server import ThreadedServer
from study.registration.models import Study
from study.rehearsal.cohort import Cohort, Result
from study.session.models import Session
from study.tables.tidy import tidy
from tests.factories import collecting
from tests.llm import processes
from tests.study.advice.protocols import live
from tests.study.advice.visits import FALLBACK, studies
from tests.study.session.test_browser import answer_page, key_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paced() -> Iterator[ThreadedServer]:
    """A model that takes a moment for each word."""
    with ThreadedServer(pace=0.02) as server:
        yield server


def test_simulated_participants_read_live_answers_to_the_end(
    server: str, child_environment: dict[str, str], paced: ThreadedServer, settings: Any
) -> None:
    settings.HEED_LLM_BASE_URL = paced.base_url
    settings.REDIS_URL = child_environment.get("REDIS_URL", settings.REDIS_URL)
    store.client().flushdb()
    protocol = live(
        _assumptions={
            "agree_right": {"control": 0.9, "hedged": 0.9},
            "agree_wrong": {"control": 0.7, "hedged": 0.5},
            "dropout": 0.0,
        }
    )
    study = collecting(protocol, mode="rehearsal")
    with processes.worker({**child_environment, "HEED_LLM_BASE_URL": paced.base_url}, threads=4):
        result = walked(Cohort(study, protocol, server, concurrency=6))
    assert result.stuck == []
    assert Session.objects.filter(study=study, outcome="complete").count() == 6
    trials = tidy(study).trials
    advised = trials[trials["arm"] != "no-ai"]
    assert set(advised["advice_source"]) == {"live"}
    assert advised["advice_text"].notna().all()
    assert advised["agree"].notna().all()
    made = Call.objects.filter(purpose="study.advice")
    assert made.count() == len(advised) == made.filter(state="done", tries=1).count()
    texts = {str(call.pk): call.text for call in made}
    assert all(row.advice_text.endswith(texts[row.advice_call]) for row in advised.itertuples())


def walked(cohort: Cohort) -> Result:
    """Six people to the end; in a thread of its own, as a browser test may have left a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(cohort.run(6))).result()


@pytest.fixture
def study(paced: ThreadedServer, settings: Any) -> Study:
    settings.HEED_LLM_BASE_URL = paced.base_url
    return studies("heed-rehearsal-1")


def arrive(page: Any, study: Study) -> Call:
    """Consent given; the browser is on the trial and nobody works on the call yet."""
    page.goto(f"/s/join/{study.slug}/")
    answer_page(page)
    assert key_of(page) == "tasks.moon.final"
    return Call.objects.get()


def in_background(work: Any) -> threading.Thread:
    def run() -> None:
        work()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_words_appear_and_the_form_opens_with_the_last_one_by_keyboard_alone(
    page: Any, study: Study, axe: Any
) -> None:
    call = arrive(page, study)
    assert page.locator(".held[inert]").count() == 1
    assert page.locator("button.primary").get_attribute("aria-disabled") == "true"
    assert axe(page) == []
    working = in_background(lambda: worker.drive(call.pk))
    page.wait_for_selector(".live .model-text:not(:empty)")
    page.wait_for_selector(".model-text[data-outcome=done]")
    working.join()
    assert page.locator("[inert]").count() == 0
    assert axe(page) == []
    call.refresh_from_db()
    shown = " ".join(page.text_content(".live").split())
    page.locator("input[name=answer]").first.focus()
    page.keyboard.press("Space")
    page.locator("input[name=confidence]").first.focus()
    page.keyboard.press("Space")
    page.locator("button.primary").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#page.debrief")
    payload = Session.objects.get().submissions.get(page="tasks.moon.final").payload
    assert payload["advice_text"] == shown
    assert shown.endswith(call.text)


def test_an_outage_in_the_middle_of_a_sentence_leaves_the_fallback_alone(page: Any, study: Study) -> None:
    from llm import streams

    call = arrive(page, study)
    call.claim(60)
    streams.Writer(call.pk).text("No, it is ")
    page.locator(".live", has_text="No, it is").wait_for()
    in_background(lambda: calls.fail(call, Unavailable("cut"))).join()
    page.wait_for_selector(".model-text[data-outcome=fallback]")
    assert " ".join(page.text_content(".live").split()) == FALLBACK
    answer_page(page)
    assert key_of(page) == "debrief"
    payload = Session.objects.get().submissions.get(page="tasks.moon.final").payload
    assert (payload["advice_text"], payload["advice_source"]) == (FALLBACK, "fallback")


def test_without_javascript_the_answer_is_there_at_the_next_look(
    browser: Any, server: str, study: Study
) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=server)
    page = context.new_page()
    call = arrive(page, study)
    page.get_by_role("link", name="Look whether it is there").click()
    page.locator("noscript [role=status]").wait_for()
    answer_page(page)
    page.locator("#problem", has_text="still being written").wait_for()
    assert page.locator("input[name=answer]:checked").count() == 1, "what was answered is kept"
    worker.drive(call.pk)
    page.get_by_role("link", name="Look whether it is there").click()
    call.refresh_from_db()
    page.locator("article.answer", has_text=call.text).wait_for()
    answer_page(page)
    assert key_of(page) == "debrief"
    context.close()
