"""Client events: small batches, stored once, hostile until read."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from study.session import actions, links, traces
from tests.factories import collecting
from tests.study.session.visitor import Visitor

EVENT = {"n": 1, "kind": "shown", "ms": 0, "data": {"width": 360}}


def batch(**changes: Any) -> dict[str, Any]:
    return {"page": "consent", "load": "abc", "events": [EVENT], **changes}


def post(visitor: Visitor, body: Any) -> Any:
    assert visitor.page is not None
    token = visitor.page.hidden["csrfmiddlewaretoken"]
    text = body if isinstance(body, str) else json.dumps(body)
    return visitor.client.post(
        visitor.address + "trace", text, content_type="application/json", headers={"X-CSRFToken": token}
    )


@pytest.mark.django_db
def test_a_batch_is_acknowledged_and_stored_once_however_often_it_is_sent() -> None:
    visitor = Visitor(collecting()).open()
    assert [post(visitor, batch()).status_code for _ in range(3)] == [204, 204, 204]
    assert visitor.session.events.count() == 1


@pytest.mark.django_db
def test_the_trace_that_rides_on_a_form_is_stored_with_the_page() -> None:
    visitor = Visitor(collecting()).open()
    visitor.send(trace=json.dumps(batch()))
    assert visitor.session.events.count() == 1
    assert visitor.session.submitted == 1


@pytest.mark.django_db
def test_a_form_sent_again_after_its_page_was_accepted_still_leaves_its_trace() -> None:
    visitor = Visitor(collecting()).open()
    old = visitor.form()
    visitor.send(trace=json.dumps(batch()))
    again = visitor.client.post(visitor.address, {**old, "trace": json.dumps(batch(load="def"))})
    assert again.status_code == 303
    assert set(visitor.session.events.values_list("load", flat=True)) == {"abc", "def"}
    assert visitor.session.submitted == 1


@pytest.mark.django_db
def test_nothing_is_traced_of_a_session_whose_answers_were_erased() -> None:
    visitor = Visitor(collecting()).open()
    old = visitor.form()
    visitor.send(trace=json.dumps(batch()))
    actions.withdraw(token=visitor.token, erase=True)
    assert post(visitor, batch(load="late")).status_code == 204
    assert (
        visitor.client.post(visitor.address, {**old, "trace": json.dumps(batch(load="old"))}).status_code
        == 303
    )
    links.note_opened(visitor.session, "t1", 1)
    assert list(visitor.session.events.values_list("load", "data")) == [("abc", {})]


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_waits_for_an_erasure_is_not_stored() -> None:
    visitor = Visitor(collecting()).open()
    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            actions.withdraw(token=visitor.token, erase=True)
            sent = thread.submit(post_and_close, visitor)
            until_somebody_waits_for_a_lock()
        assert sent.result() == 204
    assert visitor.session.events.count() == 0


def post_and_close(visitor: Visitor) -> int:
    try:
        return int(post(visitor, batch()).status_code)
    finally:
        connections.close_all()


def until_somebody_waits_for_a_lock() -> None:
    """Poll the server: the other connection has begun its statement and waits for ours."""
    for _ in range(2000):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE NOT granted AND datname = current_database()"
            )
            if cursor.fetchone() != (0,):
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


@pytest.mark.django_db
def test_a_broken_trace_never_costs_a_page() -> None:
    visitor = Visitor(collecting()).open().send(trace="{" * 1000)
    assert visitor.session.submitted == 1


@pytest.mark.parametrize(
    "bad",
    [
        "", "[]", "null", "{", '"x"', "[" * 5000,
        batch(page=1), batch(load=""), batch(load="x" * 17), batch(page="x" * 161), batch(page="\x00"),
        batch(events={}), batch(events=[EVENT] * 201), batch(events=[1]), batch(events=[{**EVENT, "n": 0}]),
        batch(events=[{**EVENT, "n": 2**31}]), batch(events=[{**EVENT, "kind": "steal"}]),
        batch(events=[{**EVENT, "ms": -1}]), batch(events=[{**EVENT, "ms": 1e300}]), batch(events=[{**EVENT, "ms": "0"}]),
        batch(events=[{**EVENT, "data": [1]}]), batch(events=[{**EVENT, "data": {"x": "y" * 600}}]),
        batch(events=[{**EVENT, "data": {"x": "\x00"}}]), json.dumps(batch()) + " " * 70_000,
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_a_batch_of_another_form_is_a_400_that_says_what_was_expected(bad: Any) -> None:
    visitor = Visitor(collecting()).open()
    answer = post(visitor, bad)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert visitor.session.events.count() == 0


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
@settings(max_examples=200, deadline=None)
def test_whatever_is_sent_is_read_or_refused_and_never_crashes(body: Any) -> None:
    try:
        traces.parse(json.dumps(body))
    except traces.BadTrace as problem:
        assert str(problem)
