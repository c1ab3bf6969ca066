"""Every fault, in each of the three activities, on two services; what is recorded is the table in the docs.

`HEED_WRITE_DOCS=1 pytest tests/llm/test_faults.py -n0` writes docs/reference/model-faults.md anew; otherwise each
test compares its rows with the page, so that the page is true.
"""

from __future__ import annotations

import html
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from llm import calls, chat, limits, tokens
from llm.models import Call
from study.phrasing import drafting
from study.phrasing.models import Draft, Wording
from study.registration.models import Study
from tests import factories
from tests.llm import helpers
from tests.llm.bending_proxy import BendingProxy
from tests.llm.services import ADDRESSES, FAULTS, Ours, Service, Theirs
from tests.study.advice import visits
from tests.study.session.visitor import Visitor

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "model-faults.md"
ACTIVITIES = ("draft", "live advice", "chat")
HEAD = """# What is recorded when a model fails

Made by `tests/llm/test_faults.py`, which compares this page with what happens on every run. Each fault is tried on
our rehearsal model and on llmock, an implementation of the API by others, in three activities: a draft (an item's
answer that a researcher asked for, which must be JSON), live advice (a participant's trial page, with its registered
fallback) and chat (streamed, with a history).

“Lasting” means that every request meets the fault, “once” that only the first one does. Numbers are requests sent
(at most three in this test). A participant sees the model's text when the call is done and the registered fallback
when it has failed; in no case does the page wait for ever, is a call lost, or is one recorded twice.

| service | fault | activity | lasting: recorded | requests | once: recorded | requests |
|---|---|---|---|---|---|---|
"""
_written: list[str] = []
_visitors: dict[str, Visitor] = {}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def proxy(llmock_server: Any) -> Iterator[BendingProxy]:
    with BendingProxy(llmock_server.url) as running:
        yield running


@pytest.fixture(params=["ours", "theirs"])
def service(request: pytest.FixtureRequest, quick: Any) -> Service:
    found: Service
    if request.param == "ours":
        found = Ours(request.getfixturevalue("rehearsal_server"))
    else:
        found = Theirs(request.getfixturevalue("llmock"), request.getfixturevalue("proxy"))
    found.heal()
    _visitors.clear()
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_strands_nobody_loses_nothing_and_is_recorded_as_what_it_was(
    fault: str, service: Service, settings: Any, client: Any
) -> None:
    settings.HEED_LLM_MODEL = service.model
    settings.HEED_LLM_API_KEY = "test"
    # A busy machine must not look like a slow service: only the slow faults meet a short limit.
    settings.HEED_LLM_FIRST_BYTE_SECONDS = 0.6 if fault.startswith("slow") else 10.0
    settings.HEED_LLM_CALL_SECONDS = 20.0
    rows = []
    for activity in ACTIVITIES:
        cells = [service.name, fault, activity]
        for times in (None, 1):
            if fault in ADDRESSES and times == 1:
                cells += ["–", "–"]  # an address is wrong for good
                continue
            call = meet(service, fault, activity, times, settings)
            check_nobody_waits(call, client)
            cells += [recorded(call), str(call.tries)]
        rows.append("| " + " | ".join(cells) + " |")
    compare_with_page(rows)


def meet(service: Service, fault: str, activity: str, times: int | None, settings: Any) -> Call:
    """The finished call of an activity that met the fault."""
    service.heal()
    settings.HEED_LLM_BASE_URL = service.break_with(fault, times=times)
    limits.reset(urlsplit(settings.HEED_LLM_BASE_URL).netloc)
    key = f"{fault}/{activity}/{times}/{service.name}"
    call = helpers.carried_out(begin(activity, key))
    if settings.HEED_LLM_BASE_URL not in ADDRESSES.values():
        repaired = Call.objects.filter(repairs=call).first()
        arrived = service.requests()
        assert arrived == call.tries + (repaired.tries if repaired else 0), "a request was lost or doubled"
    assert begin(activity, key).pk == call.pk, "the same key must be the same call"
    assert Call.objects.filter(key=call.key).count() == 1
    assert call.requests.count() == call.tries
    if activity == "live advice":
        check_page(_visitors[key], call)
    if activity == "draft":
        check_draft(call)
    return call


def begin(activity: str, key: str) -> Call:
    if activity == "draft":
        return drafted(key)
    if activity == "live advice":
        return somebody(key)
    return chat.say(
        conversation=key,
        turn=1,
        system="Task: test.chat\nTalk.",
        history=[],
        message="Hello, are you there?",
        template="test.chat",
        version="1",
        purpose="test.chat",
        deadline=30,
        fallback="The registered fallback.",
    )


def drafted(key: str) -> Call:
    """A researcher has an item's answers drafted; the same key is the same study, in which the one that is under way or
    has come is not asked for again."""
    slug = f"draft-{zlib.crc32(key.encode())}"
    study = Study.objects.filter(slug=slug).first() or factories.draft(slug=slug)
    wording, made = Wording.objects.get_or_create(study=study, item="moon", stance="no", kind="plain")
    if made:
        drafting.ask_again(wording=wording, by=None)
        wording.refresh_from_db()
    call = Call.objects.get(pk=wording.call)
    return calls.request(call.ask(), key=call.key, purpose=call.purpose)


def check_draft(call: Call) -> None:
    """What came is one version, which waits for its check or is refused for its words; a failure leaves none, and the
    researcher may have it asked for again."""
    versions = list(Draft.objects.filter(call=call.pk))
    assert len(versions) == (call.state == Call.State.DONE)
    assert all(version.state in ("checking", "refused") for version in versions)
    wording = Wording.objects.get(call=call.pk)
    if not versions:
        drafting.ask_again(wording=wording, by=None)
        assert Call.objects.filter(key=f"phrasing:{wording.pk}:2").exists()


def somebody(key: str) -> Call:
    """A participant on a trial's page of a study; the same key is the same participant, who loads the page again."""
    if key not in _visitors:
        _visitors[key] = visits.waiting(studies_of(key))[0]
    else:
        _visitors[key].answer = _visitors[key].client.get(_visitors[key].address)
    return visits.call_of(_visitors[key].session)


def studies_of(key: str) -> Study:
    """One study a test; `key` ends with the service, whose model the protocol pins."""
    model = Ours.model if key.endswith(Ours.name) else Theirs.model
    return Study.objects.exclude(slug__startswith="draft-").first() or visits.studies(model)


def check_page(visitor: Visitor, call: Call) -> None:
    """The participant reads the model's words or the fallback, answers, and what was read is what is stored."""
    assert visitor.page is not None
    read = html.unescape(visitor.text).split('<article class="answer" data-live>')[1].split("</article>")[0]
    words = call.text if call.state == Call.State.DONE else visits.FALLBACK
    assert words in read
    visitor.send()
    assert visitor.page is not None
    assert visitor.page.key == "debrief"
    payload = visitor.session.submissions.get(page="tasks.moon.final").payload
    assert isinstance(payload, dict)
    assert payload["advice_text"].endswith(words)
    assert payload["advice_source"] == ("live" if call.state == Call.State.DONE else "fallback")
    assert payload["advice_call"] == str(call.pk)


def check_nobody_waits(call: Call, client: Any) -> None:
    """The page, with and without JavaScript, ends with the model's words or the fallback, as text."""
    assert call.is_finished
    assert call.reserved_tokens == 0
    text, outcome = helpers.shown(helpers.events_of(call))
    assert outcome == ("done" if call.state == "done" else "fallback")
    assert text == (call.text if call.state == "done" else call.fallback)
    page = client.get(f"/calls/{tokens.issue(call.pk)}/").content.decode()
    assert not [tag for tag in ("http-equiv", "<script", "<img") if tag in page]
    assert call.fallback in page or call.state == "done"


def recorded(call: Call) -> str:
    if call.state == Call.State.FAILED:
        return f"{call.error}: {call.error_kind}"
    return ", ".join(["done", *(word for word in call.warnings if word)])


def compare_with_page(rows: list[str]) -> None:
    if os.environ.get("HEED_WRITE_DOCS"):
        _written.extend(rows)
        order = {name: at for at, name in enumerate(FAULTS)}
        lines = sorted(_written, key=lambda row: (row.split(" | ")[0], order[row.split(" | ")[1]]))
        PAGE.write_text(HEAD + "\n".join(lines) + "\n")
        return
    page = PAGE.read_text().splitlines()
    missing = [row for row in rows if row not in page]
    assert not missing, f"docs/reference/model-faults.md says otherwise; now: {missing}"
