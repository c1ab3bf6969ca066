"""The monitor: true counts, never an outcome, a fixed number of queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from study.session.models import Session
from tests import factories
from tests.study.closed import walked
from tests.study.people import walk

pytestmark = pytest.mark.django_db
LIVE = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.user("boss", is_superuser=True))
    return client


def test_the_counts_are_those_of_the_walks(boss: Client) -> None:
    study = walked(close=False)
    seen: dict[str, Any] = boss.get(f"/panel/studies/{study.slug}/monitor/").context
    sessions = Session.objects.counted().filter(study=study)
    assert seen["arrived"] == sessions.count() == 14
    assert seen["complete"] == sessions.filter(outcome="complete").count() == 11
    assert dict(seen["outcomes"])["Declined"] == 1
    assert dict(seen["outcomes"])["Withdrawn"] == 1
    assert seen["under_way"] == 1
    assert sum(row["done"] for row in seen["arms"]) == seen["slots"]["done"] == 11
    assert sum(row["n"] for row in seen["here"]) == 1
    assert sum(row["sum"] for row in seen["drop_out"]["rows"]) == 2
    assert seen["arrivals"]["sum"] == 14
    assert dict(seen["flags"])["Needed a second try on a page"] == 1
    assert dict(seen["flags"])["Pasted more than 0 times"] == 1
    assert {row["stage"] for row in seen["times"]} >= {"consent", "tasks"}


def test_who_went_quiet_is_told_apart_from_who_is_here(boss: Client) -> None:
    study = factories.collecting()
    session = walk(study, np.random.default_rng(1), pages=4)
    address = "/panel/studies/tiny/monitor/"
    assert boss.get(address).context["under_way"] == 1
    Session.objects.filter(pk=session.pk).update(active_at=timezone.now() - timedelta(minutes=31))
    seen = boss.get(address).context
    assert (seen["under_way"], seen["idle"]) == (0, 1)
    assert sum(row["lost"] for row in seen["arms"]) == 1


def test_no_answer_and_no_share_of_answers_is_on_it(boss: Client) -> None:
    study = walked(close=False)
    with CaptureQueriesContext(connection) as asked:
        text = boss.get(f"/panel/studies/{study.slug}/monitor/").content.decode()
    selecting = [q["sql"] for q in asked if "payload" in q["sql"]]
    assert len(selecting) == 1  # the invisible fields; `payload ->> name` of honeypots only
    assert all('"answer"' not in q["sql"] and "'answer'" not in q["sql"] for q in asked)
    assert "greement" not in text.replace("Agreement with", "")


def test_the_live_part_is_a_part_of_the_page(boss: Client) -> None:
    factories.collecting()
    whole = boss.get("/panel/studies/tiny/monitor/").content.decode()
    part = boss.get("/panel/studies/tiny/monitor/", **LIVE).content.decode()
    assert "<html" in whole
    assert 'hx-trigger="every 5s"' in whole
    assert "<html" not in part
    assert "Completions by arm" in part


def test_its_queries_do_not_grow_with_people(boss: Client) -> None:
    study = factories.collecting()
    rng = np.random.default_rng(2)
    walk(study, rng, pages=4)
    address = "/panel/studies/tiny/monitor/"
    boss.get(address)
    with CaptureQueriesContext(connection) as few:
        boss.get(address)
    for _ in range(6):
        walk(study, rng)
    with CaptureQueriesContext(connection) as many:
        boss.get(address)
    assert len(many) == len(few) <= 16


def test_a_draft_has_nothing_to_watch(boss: Client) -> None:
    factories.draft()
    assert "nothing to watch" in boss.get("/panel/studies/tiny/monitor/").content.decode()


def test_model_calls_show_times_queue_cost_and_breaker(boss: Client) -> None:
    from llm import limits
    from llm.conf import current
    from llm.models import Budget, Call

    study = factories.collecting()
    now = timezone.now()
    common = {
        "study": study.pk,
        "purpose": "study.advice",
        "prompt": {},
        "deadline_at": now,
        "backend": "test:1",
    }
    for number in range(20):
        Call.objects.create(
            key=f"k{number}",
            state="done",
            finished_at=now,
            latency_ms=100.0 * (number + 1),
            cost_micro=1,
            **common,
        )
    Call.objects.create(
        key="f", state="failed", finished_at=now, error="unavailable", error_kind="timeout", **common
    )
    Call.objects.create(key="q", created_at=now - timedelta(seconds=30), **common)
    other = common | {"study": None}
    Call.objects.create(key="o", **other)
    Budget.objects.create(scope="study", ref=str(study.pk), cost_used=2_500_000, tokens_used=77, calls=20)
    limits.reset("test:1")
    for number in range(current().breaker_failures):
        limits.report("test:1", f"c{number}", limits.Verdict.FAILED, conf=current())
    response = boss.get("/panel/studies/tiny/monitor/", **LIVE)
    seen = response.context["calls"]
    limits.reset("test:1")
    assert (seen["answered"], seen["recent"], seen["recent_failed"]) == (20, 22, 1)
    times = np.arange(1, 21) / 10
    assert seen["median"] == pytest.approx(np.quantile(times, 0.5))
    assert seen["p95"] == pytest.approx(np.quantile(times, 0.95))
    assert (seen["waiting"], seen["everywhere"]) == (1, 2)
    assert 29 < seen["age"] < 90
    assert (seen["cost"], seen["tokens"], seen["breaker"]) == (2.5, 77, "open")
    assert [error["error_kind"] for error in seen["errors"]] == ["timeout"]
    assert 'aria-label="Seconds until an answer' in response.content.decode()


def test_who_left_is_counted_by_page_and_arm(boss: Client) -> None:
    study = factories.collecting()
    rng = np.random.default_rng(5)
    gone = [walk(study, rng, pages=pages) for pages in (1, 5, 6)]
    past = timezone.now() - timedelta(minutes=31)
    Session.objects.filter(pk__in=[session.pk for session in gone]).update(active_at=past)
    rows = boss.get("/panel/studies/tiny/monitor/").context["drop_out"]["rows"]
    assert sum(row["sum"] for row in rows) == 3
    assert len({(row["stage"], row["step"]) for row in rows}) == len(rows) == 3
