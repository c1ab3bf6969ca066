"""Real workers, really killed."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import kombu.pools
import pytest

from config.embedded.layout import Layout
from config.embedded.valkey import Valkey
from llm import calls, nudges, store, sweeper
from llm.models import Budget, Call, Try
from llm.rehearsal_model.server import ThreadedServer
from tests.llm import helpers
from tests.llm.processes import start_worker, wait_until, worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paced() -> Iterator[ThreadedServer]:
    """A model that takes a tenth of a second for an answer."""
    with ThreadedServer(pace=0.006) as server:
        yield server


@pytest.fixture
def environment(child_environment: dict[str, str], paced: ThreadedServer, settings: Any) -> dict[str, str]:
    settings.HEED_LLM_BASE_URL = paced.base_url
    settings.HEED_LLM_LEASE_SECONDS = 2.0
    settings.REDIS_URL = child_environment.get("REDIS_URL", settings.REDIS_URL)
    store.client().flushdb()
    return {**child_environment, "HEED_LLM_BASE_URL": paced.base_url, "HEED_LLM_LEASE_SECONDS": "2"}


def test_after_kill_9_in_the_middle_of_200_calls_each_is_finished_exactly_once(
    environment: dict[str, str],
) -> None:
    calls.when_finished("test.killed", _noop)
    asked = [
        helpers.ask(f"kill-{n}", purpose="test.killed", deadline=300, streamed=True, priority="batch")
        for n in range(200)
    ]
    first = start_worker(environment)
    try:
        wait_until(lambda: Call.objects.filter(state="done").count() >= 40, seconds=120, what="40 calls done")
    finally:
        first.kill()
        first.wait(10)
    done_before = set(Call.objects.filter(state="done").values_list("pk", flat=True))
    assert 0 < len(done_before) < 200
    assert Call.objects.filter(state="running").exists(), "nothing was under way when the worker was killed"
    with worker(environment):
        wait_until(lambda: _swept_to_the_end(), seconds=150, what="200 calls done")
    states = Counter(Call.objects.values_list("state", flat=True))
    assert states == {"done": 200}
    assert {call.pk for call in asked} == set(Call.objects.values_list("pk", flat=True))
    answered = Counter(Try.objects.filter(outcome="answered").values_list("call", flat=True))
    assert set(answered.values()) == {1}, "an answer was recorded twice"
    abandoned = Try.objects.filter(outcome="sent").count()
    assert abandoned >= 1
    assert Try.objects.count() == 200 + abandoned
    day = Budget.objects.get(scope="day")
    assert (day.calls, day.tokens_held) == (200, 0)
    assert Call.objects.filter(handled_at=None).count() == 0


def _noop(call: Call) -> None:
    """A purpose that stores nothing."""


def _swept_to_the_end() -> bool:
    sweeper.sweep()
    return not Call.objects.unfinished().exists()


def test_a_killed_broker_loses_nothing_that_was_acknowledged(
    environment: dict[str, str], settings: Any, tmp_path: Any
) -> None:
    """Fifty calls are asked for, their broker dies with every message, another one starts empty."""
    tmp_path.chmod(0o711)
    layout = Layout(tmp_path)
    broker = Valkey(layout)
    broker.start()
    env = {**environment, "CELERY_BROKER_URL": layout.broker_url(), "REDIS_URL": layout.redis_url()}
    settings.REDIS_URL = layout.redis_url()
    with _celery_uses(layout.broker_url()):
        asked = [helpers.ask(f"broker-{n}", deadline=300) for n in range(25)]
        assert nudges.send(asked[0].pk, "participant").result(30)
        assert broker.process is not None
        broker.process.kill()
        broker.process.wait(10)
        start = time.monotonic()
        asked += [helpers.ask(f"late-{n}", deadline=300) for n in range(25)]
        assert time.monotonic() - start < 5, "asking waited for a broker that is away"
        assert not nudges.send(asked[0].pk, "participant").result(30)
    shutil.rmtree(layout.valkey_data)
    broker.start()
    try:
        with worker(env):
            long_ago = asked[0].created_at - 2 * sweeper.PATIENCE["batch"]
            Call.objects.update(created_at=long_ago, woken_at=None)
            with _celery_uses(layout.broker_url()):
                wait_until(_swept_to_the_end, seconds=120, what="50 calls done")
    finally:
        broker.stop()
    assert Counter(Call.objects.values_list("state", flat=True)) == {"done": 50}
    assert set(Call.objects.values_list("tries", flat=True)) == {1}


@contextmanager
def _celery_uses(url: str) -> Iterator[None]:
    """This process's nudges go to another broker."""
    from config.celery import app

    before = app.conf.broker_url
    for address in (url, before):
        kombu.pools.reset()
        app._pool = app.amqp._producer_pool = None
        app.conf.broker_url = app.conf.broker_write_url = address
        nudges._away_until = 0.0
        if address == url:
            try:
                yield
            except BaseException:
                app.conf.broker_url = app.conf.broker_write_url = before
                raise


def test_a_participant_is_served_before_a_batch(environment: dict[str, str]) -> None:
    """With two threads, five who wait come before all but a few of the sixty that nobody waits for."""
    for n in range(60):
        helpers.ask(f"batch-{n}", priority="batch", deadline=300)
    waiting = [helpers.ask(f"waiting-{n}", deadline=300) for n in range(5)]
    assert nudges.send(waiting[0].pk, "participant").result(30)  # all earlier ones are on their way
    with worker(environment, threads=2):
        wait_until(lambda: not _open(waiting), seconds=120, what="the participants' calls")
    last_of_waiting = max(Call.objects.filter(priority="participant").values_list("started_at", flat=True))
    earlier = Call.objects.filter(priority="batch", started_at__lt=last_of_waiting).count()
    assert earlier <= 12, f"{earlier} batch calls were sent before a participant's"


def _open(asked: list[Call]) -> bool:
    return Call.objects.filter(pk__in=[call.pk for call in asked]).unfinished().exists()


def test_the_clock_sweeps_what_nobody_was_woken_for(environment: dict[str, str], tmp_path: Any) -> None:
    call, _ = calls.record(
        helpers.prompt(), key="forgotten", purpose="test", priority="participant", deadline=300
    )
    with worker(environment, beat=tmp_path / "beat"):
        wait_until(lambda: Call.objects.get(pk=call.pk).is_finished, seconds=120, what="the forgotten call")
    assert Call.objects.get(pk=call.pk).state == "done"
