"""In a large database every page of the panel is quick, and each query of the monitor, timed by the database itself."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import time
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from elicitation.review.urls import urlpatterns as review
from study.accounts.invitations import deliver
from study.accounts.models import Invitation
from study.panel.urls import urlpatterns as panel
from tests import factories
from tests.study.panel.large import Size, boss, filled
from tests.study.panel.pages import ELSEWHERE, MAIN, SENT, SHOWN, names, places

pytestmark = pytest.mark.django_db
APPS = {"panel": panel, "review": review}


def milliseconds(sql: str) -> tuple[float, str]:
    """Execution time as PostgreSQL measured it, the better of two, with its plan."""
    best, plan = float("inf"), ""
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql)
            [(told,)] = cursor.fetchall()
        [found] = told if isinstance(told, list) else json.loads(told)
        if found["Execution Time"] < best:
            best, plan = found["Execution Time"], json.dumps(found["Plan"])
    return best, plan


@dataclass(frozen=True)
class Took:
    """Milliseconds of one page: the slower of twenty answers, once everything is warm, and our own processor time."""

    p95: float
    cpu: float


def timed(client: Client, address: str) -> Took:
    walls, own = [], []
    for _ in range(21):
        before, spent = time.perf_counter(), time.process_time()
        assert client.get(address).status_code == 200
        own.append(1000 * (time.process_time() - spent))
        walls.append(1000 * (time.perf_counter() - before))
    return Took(sorted(walls[1:])[18], statistics.median(own[1:]))


def test_every_address_of_the_panel_is_timed_or_has_no_page() -> None:
    assert names() == set(SHOWN) | ELSEWHERE | SENT
    assert not set(SHOWN) & (ELSEWHERE | SENT)


def test_what_is_not_timed_takes_only_forms_or_leads_on(client: Client) -> None:
    factories.collecting()
    client.force_login(factories.user("boss", is_superuser=True))
    answered = {name: client.get(reverse(name, args=arguments(name))).status_code for name in SENT}
    assert {name: status for name, status in answered.items() if status != 405} == {}
    assert {client.get(reverse(name)).status_code for name in ELSEWHERE} == {302}


def arguments(name: str) -> list[Any]:
    """Any arguments that fit an address."""
    found = {"slug": "tiny", "code": "x", "number": 1, "name": "x", "part": "items"}
    patterns = {f"{app}:{one.name}": one for app, known in APPS.items() for one in known}
    return [found[one] for one in patterns[name].pattern.converters]


def test_no_page_asks_more_queries_where_there_are_more_rows(client: Client, mailoutbox: list[Any]) -> None:
    """Every list of the panel and of the records, made from the table of addresses."""
    few = queries(client, Size(people=6, drafts=4, pages=(2, 2), calls=3, entries=3, rows=2), mailoutbox)
    more = queries(client, Size(people=30, drafts=9, pages=(5, 5), calls=9, entries=12, rows=8), mailoutbox)
    assert len(few) > 80
    assert {page: (few[page], n) for page, n in more.items() if n > few[page]} == {}


def queries(client: Client, size: Size, mailoutbox: list[Any]) -> dict[str, int]:
    """Queries by page in a database of this size, which is forgotten again; what a process keeps is filled before."""
    found = {}
    with contextlib.suppress(Forgotten), transaction.atomic():
        filled(size)
        client.force_login(boss())
        for name, page in places(invited(mailoutbox)):
            assert client.get(page).status_code == 200, page
            with CaptureQueriesContext(connection) as asked:
                assert client.get(page).status_code == 200, page
            found[name] = len(asked)
        raise Forgotten
    return found


class Forgotten(Exception):
    """Takes everything back."""


@pytest.mark.soak
def test_every_page_answers_in_under_150_ms(client: Client, capsys: Any, mailoutbox: list[Any]) -> None:
    filled()
    client.force_login(boss())
    found = {page: timed(client, page) for _, page in places(invited(mailoutbox))}
    found["/panel/login/"] = timed(Client(), "/panel/login/")
    with capsys.disabled():
        print(f"\n  p95 ms  CPU ms of {len(found)} pages; load {os.getloadavg()[0]:.1f}")
        for page, took in sorted(found.items(), key=lambda one: -one[1].p95):
            print(f"{took.p95:8.1f}{took.cpu:8.1f}  {page}")
    assert {page: took for page, took in found.items() if took.p95 > 150} == {}


@pytest.mark.soak
def test_a_late_page_of_participants_joins_no_other_rows(client: Client) -> None:
    study = filled(Size(drafts=2, pages=(1, 1), calls=1, entries=1, rows=1))
    client.force_login(boss())
    with CaptureQueriesContext(connection) as asked:
        assert client.get(f"/panel/studies/{study.slug}/participants/?page=150").status_code == 200
    [keys] = [query["sql"] for query in asked if "OFFSET 7450" in query["sql"]]
    took, plan = milliseconds(keys)
    assert "study_participant" not in plan  # only keys are paged, by the index or by sorting them
    assert took < 30


def invited(mailoutbox: list[Any]) -> str:
    """The token in an invitation's mail."""
    deliver(Invitation.objects.filter(accepted_at=None).values_list("pk", flat=True)[0])
    return mailoutbox[-1].body.split("/panel/invitation/")[1].split("/")[0]


@pytest.mark.soak
def test_each_query_of_the_monitor_takes_under_30_ms(client: Client, capsys: Any) -> None:
    filled()
    client.force_login(factories.user("boss", is_superuser=True))
    address = f"/panel/studies/{MAIN}/monitor/"
    client.get(address)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    slow = {}
    for query in asked:
        if query["sql"].startswith(("SELECT", "\n    SELECT")):
            took, plan = milliseconds(query["sql"])
            with capsys.disabled():
                print(f"\n{took:7.1f} ms  {' '.join(query['sql'].split())[:110]}", end="")
            if took > 30:
                slow[query["sql"][:200]] = (took, plan[:1500])
            assert (
                '"Seq Scan", "Parallel Aware": false, "Async Capable": false, "Relation Name": "study_submission"'
                not in plan
            )
    assert not slow
