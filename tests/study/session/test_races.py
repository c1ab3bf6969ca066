"""Several requests at the same moment: the database decides, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from study.session import actions
from study.session.models import Session, Submission
from tests.factories import collecting
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(work: Callable[[int], Any], times: int = 8) -> list[Any]:
    """Run `work` in as many threads, started together; returns what each gave or raised."""
    gate, results = threading.Barrier(times), []

    def run(number: int) -> None:
        gate.wait()
        try:
            results.append(work(number))
        except Exception as error:
            results.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("stage", ["consent", "about", "check", "tasks", "feedback"])
def test_eight_clicks_at_once_are_one_submission(stage: str) -> None:
    visitor = Visitor(collecting()).open().go_to(stage)
    assert visitor.page is not None
    fields, key, before = visitor.form(), visitor.page.key, visitor.session.submitted
    statuses = at_once(lambda _: visitor.client.post(visitor.address, fields).status_code)
    assert statuses == [303] * 8
    assert Submission.objects.filter(session=visitor.session, page=key).count() == 1
    assert visitor.session.submitted == before + 1


def test_withdrawing_while_sending_ends_once_and_keeps_what_was_accepted() -> None:
    visitor = Visitor(collecting()).open().go_to("tasks")
    fields, token = visitor.form(), visitor.token
    results = at_once(
        lambda n: (
            actions.withdraw(token=token, erase=False).outcome
            if n % 2
            else visitor.client.post(visitor.address, fields).status_code
        )
    )
    assert {r for r in results if isinstance(r, str)} == {"withdrawn"}
    assert {r for r in results if isinstance(r, int)} <= {303, 409}, results
    session = Session.objects.get(token=token)
    assert session.outcome == "withdrawn"
    assert session.submitted == session.submissions.count()
    assert not session.study.slots.filter(holder=session).exists()


def test_twelve_people_on_one_page_each_have_their_own_place() -> None:
    study = collecting()
    visitors = [Visitor(study, seed).open() for seed in range(12)]
    forms = [visitor.form() for visitor in visitors]
    statuses = at_once(lambda n: visitors[n].client.post(visitors[n].address, forms[n]).status_code, times=12)
    assert statuses == [303] * 12
    slots = list(Session.objects.filter(study=study).values_list("slot", flat=True))
    assert len(set(slots)) == 12
