"""Drafting to its end in this process, beside whatever workers there are: for the command line and for tests."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from llm import worker
from llm.models import Call
from study.phrasing.models import Check, Draft
from study.phrasing.prompts import PURPOSE
from study.phrasing.receiving import measure
from study.registration.models import Study

THREADS = 4


def calls_of(study: Study) -> tuple[int, int]:
    """How many of the study's drafting calls have ended, and how many there are. One query."""
    mine = Call.objects.of_study(study.pk).filter(purpose__startswith=PURPOSE, repairs=None)
    states = list(mine.values_list("state", flat=True))
    return sum(state in (Call.State.DONE, Call.State.FAILED) for state in states), len(states)


def work_off(study: Study, *, told: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Carry out every call and measurement of the study's drafts until none is left. told(ended, all) now and then."""
    with ThreadPoolExecutor(THREADS) as pool:
        while True:
            waiting = list(
                Call.objects.of_study(study.pk)
                .unfinished()
                .filter(purpose__startswith=PURPOSE, repairs=None)[:100]
            )
            for _ in pool.map(_drive, [call.pk for call in waiting]):
                told(*calls_of(study))
            left = _to_measure(study)
            for draft_id in left:
                measure(draft_id)
            if not waiting and not left:
                told(*calls_of(study))
                return


def _drive(call_id: object) -> None:
    try:
        worker.drive(call_id)  # type: ignore[arg-type]
    finally:
        connection.close()


def _to_measure(study: Study) -> list[int]:
    found = Check.objects.filter(
        draft__wording__study=study, draft__state=Draft.State.CHECKING, name=Check.Name.CLAIMS, passed=True
    )
    return list(found.values_list("draft_id", flat=True))
