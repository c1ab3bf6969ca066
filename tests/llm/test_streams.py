"""Words on their way to a page: in order, resumed, taken back, never lost, never more than text."""

from __future__ import annotations

from typing import Any

import pytest

from llm import calls, limits, store, streams, tokens
from llm.models import Call
from llm.rehearsal_model.server import ThreadedServer
from tests.llm import helpers
from tests.llm.hostile import HOSTILE

pytestmark = pytest.mark.django_db(transaction=True)


def started(*words: str) -> Call:
    """A call whose worker has written `words` and is still at it."""
    call = helpers.ask("stream", streamed=True, deadline=60)
    call.claim(60)
    writer = streams.Writer(call.pk)
    for word in words:
        writer.text(word)
    return call


def finish(call: Call, text: str) -> None:
    from llm.prompts import Reply

    assert calls.succeed(call, Reply(text, text, "heed-rehearsal-1", "rehearsal"))


def test_the_words_arrive_in_order_and_the_whole_text_at_the_end(model: ThreadedServer) -> None:
    call = helpers.carried_out(helpers.ask("whole", streamed=True))
    store_entries = store.client().xrange(streams.key(call.pk))
    words = b"".join(fields[b"t"] for _, fields in store_entries if b"t" in fields).decode()
    assert words == call.text
    assert helpers.shown(helpers.events_of(call)) == (call.text, "done")


def ids(events: list[bytes]) -> list[str]:
    return [line[4:].decode() for event in events for line in event.split(b"\n") if line.startswith(b"id: ")]


def test_a_dropped_connection_resumes_after_the_last_word_it_had() -> None:
    call = started("one ", "two ", "three ")
    finish_soon(call, "one two three ")
    all_events = helpers.events_of(call)
    second = ids(all_events)[1]
    rest = helpers.events_of(call, second)
    words = [event for event in rest if b"id: " in event]
    assert b"one" not in b"".join(words)


def finish_soon(call: Call, text: str) -> None:
    """End the call a moment from now, so that a reader meets the stream first."""
    import threading

    from django.db import connection

    def later() -> None:
        finish(call, text)
        connection.close()

    threading.Timer(0.4, later).start()


def test_words_that_are_said_again_are_taken_back_first(model: ThreadedServer) -> None:
    model.fault("cut", value=4, times=1)
    call = helpers.carried_out(helpers.ask("again", streamed=True))
    entries = [fields for _, fields in store.client().xrange(streams.key(call.pk))]
    kinds = [fields.get(b"k", b"word").decode() for fields in entries]
    assert kinds.count("restart") == 1
    after = entries[kinds.index("restart") + 1 :]
    assert b"".join(fields.get(b"t", b"") for fields in after).decode() == call.text
    broken = call.requests.get(number=1)
    assert (broken.outcome, broken.error_kind) == ("failed", "cut")
    assert call.text.startswith(broken.shown)
    assert broken.shown


def test_a_stream_that_redis_lost_is_made_good_by_the_row(model: ThreadedServer) -> None:
    call = helpers.carried_out(helpers.ask("lost", streamed=True))
    store.client().delete(streams.key(call.pk))
    assert helpers.shown(helpers.events_of(call, "1-1")) == (call.text, "done")


def test_redis_being_away_costs_no_call_and_no_reader(
    model: ThreadedServer, settings: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(limits, "admit", lambda *args, **options: None)  # limits alone would rightly refuse
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    call = helpers.carried_out(helpers.ask("away", streamed=True))
    assert call.state == "done"
    assert helpers.shown(helpers.events_of(call)) == (call.text, "done")


@pytest.mark.parametrize("last_id", ["$", "0-0; DROP", "-", "9" * 30, "1-1\n", "🙂", "x"])
def test_a_forged_position_reads_from_the_beginning(last_id: str) -> None:
    assert not streams.is_stream_id(last_id)
    call = started("hello")
    finish_soon(call, "hello")
    assert helpers.shown(helpers.events_of(call, last_id)) == ("hello", "done")


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_words_stay_words_in_the_stream_and_on_the_page(number: int, client: Any) -> None:
    """Forty outputs: no event of their own, no tag of their own, nothing that moves or hides other text."""
    hostile = HOSTILE[number]
    call = started(*[hostile[at : at + 5000] for at in range(0, min(len(hostile), 20_000), 5000)])
    entries = store.client().xrange(streams.key(call.pk))
    written = [
        streams.event(fields[b"t"].decode(), entry_id=entry_id.decode()) for entry_id, fields in entries
    ]
    text, outcome = helpers.shown(written)
    kept = helpers_clean(hostile[:20_000])
    assert (text, outcome) == (kept, "")
    finish(call, kept)
    page = client.get(f"/calls/{tokens.issue(call.pk)}/").content.decode()
    tags = (
        "<script",
        "<img",
        "<svg",
        "<iframe",
        "<meta http",
        "<base",
        "<style",
        "<link",
        "<form",
        "<template",
        "<math",
        "<a ",
    )
    assert not [tag for tag in tags if tag in page.lower()]
    assert page.count("<h1>") == 1
    assert not set(page) & set("\u202e\u2066\u200b\x00\x1b")


def helpers_clean(text: str) -> str:
    from llm.sanitise import clean

    return clean(text)


def test_a_forged_or_foreign_token_is_not_found(client: Any) -> None:
    call = helpers.ask("mine")
    token = tokens.issue(call.pk)
    assert client.get(f"/calls/{token}/").status_code == 200
    assert client.get(f"/calls/{token[:-1]}x/").status_code == 404
    assert client.get(f"/calls/{call.pk}/").status_code == 404
    call.delete()
    assert client.get(f"/calls/{token}/").status_code == 404


def test_without_javascript_the_page_asks_again_until_the_text_is_there(
    model: ThreadedServer, client: Any
) -> None:
    call = helpers.ask("noscript", streamed=True)
    address = f"/calls/{tokens.issue(call.pk)}/"
    waiting = client.get(address)
    assert 'http-equiv="refresh"' in waiting.content.decode()
    assert waiting.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in waiting.headers["Content-Security-Policy"]
    helpers.carried_out(call)
    there = client.get(address).content.decode()
    assert "refresh" not in there
    assert "rehearsal" in there
