"""Limits that all workers share: places, priorities, a rate, a pause that everybody keeps, and the breaker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from llm import limits
from llm.conf import Conf
from llm.errors import BadReply, Rejected, Unavailable
from llm.limits import NoPlace, Verdict
from llm.models import Call
from llm.rehearsal_model.server import ThreadedServer
from tests.concurrently import at_once
from tests.llm import helpers

BACKEND = "limits.test:1"
CONF = Conf(concurrent=4, batch_share=0.5, breaker_failures=3, breaker_seconds=0.3)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    limits.reset(BACKEND)
    yield
    limits.reset(BACKEND)


def admit(name: str, *, priority: str = "participant", conf: Conf = CONF) -> None:
    limits.admit(BACKEND, name, priority=priority, conf=conf)


def report(name: str, verdict: Verdict, *, pause: float = 0.0) -> None:
    limits.report(BACKEND, name, verdict, conf=CONF, pause=pause)


def test_no_more_requests_than_places_are_under_way() -> None:
    for n in range(4):
        admit(f"c{n}")
    with pytest.raises(NoPlace) as caught:
        admit("c4")
    assert caught.value.kind == "busy"
    report("c0", Verdict.ALIVE)
    admit("c4")


def test_batches_leave_half_of_the_places_to_those_who_wait() -> None:
    admit("b0", priority="batch")
    admit("b1", priority="batch")
    with pytest.raises(NoPlace):
        admit("b2", priority="batch")
    admit("p0")
    admit("p1")


@pytest.mark.django_db(transaction=True)
def test_places_are_given_once_however_many_ask_at_the_same_moment() -> None:
    outcomes = at_once([lambda n=n: admit(f"r{n}") for n in range(30)], threads=15)
    assert sum(outcome is None for outcome in outcomes) == 4


def test_the_place_of_a_dead_worker_is_free_again() -> None:
    short = replace(CONF, concurrent=1, call_seconds=0.2 - limits.GRACE)
    admit("dead", conf=short)
    time.sleep(0.3)
    admit("next", conf=short)


def test_the_breaker_opens_after_failures_in_a_row_lets_one_try_and_closes_again() -> None:
    for n in range(3):
        admit(f"f{n}")
        report(f"f{n}", Verdict.FAILED)
    with pytest.raises(NoPlace) as caught:
        admit("early")
    assert caught.value.kind == "breaker_open"
    assert 0 < (caught.value.retry_after or 0) <= 0.3
    assert limits.state(BACKEND)["breaker"] in ("open", "half-open")
    time.sleep(0.35)
    admit("probe")
    with pytest.raises(NoPlace):
        admit("second probe")
    report("probe", Verdict.ALIVE)
    admit("after")
    assert limits.state(BACKEND) == {"breaker": "closed", "in_flight": 1}


def test_a_failed_try_keeps_the_breaker_open_for_longer() -> None:
    for n in range(3):
        admit(f"f{n}")
        report(f"f{n}", Verdict.FAILED)
    time.sleep(0.35)
    admit("probe")
    report("probe", Verdict.FAILED)
    with pytest.raises(NoPlace) as caught:
        admit("x")
    assert 0.3 < (caught.value.retry_after or 0) <= 0.6


def test_one_success_forgets_the_failures_before_it() -> None:
    for verdict in (Verdict.FAILED, Verdict.FAILED, Verdict.ALIVE, Verdict.FAILED, Verdict.FAILED):
        admit("n")
        report("n", verdict)
    admit("still open for business")


def test_a_pause_that_one_worker_was_told_is_kept_by_all() -> None:
    admit("told")
    report("told", Verdict.ALIVE, pause=0.4)
    with pytest.raises(NoPlace) as caught:
        admit("other")
    assert caught.value.kind == "rate_limited"
    time.sleep(0.45)
    admit("other")


def test_the_rate_lets_a_short_burst_through_and_then_so_many_a_minute() -> None:
    steady = replace(CONF, concurrent=0, requests_per_minute=120)  # two a second, a burst of twenty
    for n in range(20):
        admit(f"r{n}", conf=steady)
    with pytest.raises(NoPlace) as caught:
        admit("over", conf=steady)
    assert 0 < (caught.value.retry_after or 0) <= 0.5
    time.sleep(0.55)
    admit("later", conf=steady)


def test_limits_never_fail_open(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    with pytest.raises(NoPlace) as caught:
        admit("x")
    assert caught.value.kind == "limits"


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (Unavailable("timeout"), Verdict.FAILED),
        (Unavailable("server_error"), Verdict.FAILED),
        (Unavailable("rate_limited"), Verdict.ALIVE),
        (Rejected("not_found"), Verdict.ALIVE),
        (BadReply("schema"), Verdict.ALIVE),
    ],
)
def test_only_the_services_own_failures_count_against_it(error: Any, verdict: Verdict) -> None:
    assert limits.verdict_of(error) == verdict


@pytest.mark.django_db(transaction=True)
def test_with_an_open_breaker_a_participant_gets_the_fallback_without_a_request(
    model: ThreadedServer, settings: Any
) -> None:
    settings.HEED_LLM_BREAKER_FAILURES = 2
    settings.HEED_LLM_BREAKER_SECONDS = 30
    model.fault("status", value=503)
    first = helpers.carried_out(helpers.ask("one", deadline=3))
    sent = len(Call.objects.get(pk=first.pk).requests.all())
    second = helpers.carried_out(helpers.ask("two", deadline=3))
    assert sent == 2
    assert (second.error_kind, second.tries) == ("breaker_open", 0)
    assert second.shown_text == "The registered fallback."
