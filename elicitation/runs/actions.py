"""Asking for a search, doing it, and saying how far it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from elicitation.runs.models import DeskRun
from llm.errors import LLMError
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.models import Study
from study.waking import wake

Kind = DeskRun.Kind
Told = Callable[[int, int], None]
SILENCE = timedelta(minutes=5)
WRITTEN_EVERY = timedelta(seconds=1)
SILENT = "The worker went silent. What it had found is kept: start again, and it goes on where it stopped."


class GivenUp(Exception):
    """The row was finished by somebody else while the work was done."""


@transaction.atomic
def ask(*, study: Study, kind: str, by: str, settings: dict[str, Any] | None = None) -> DeskRun:
    """Have a worker search; what is under way already is returned instead. One whose worker has been silent for five
    minutes counts as lost. Raises Refused before registration; for cases, once registered."""
    from elicitation.runs import tasks

    study = Study.objects.select_for_update(no_key=True).defer("draft", "source_text").get(pk=study.pk)
    under_way = DeskRun.objects.filter(study=study, kind=kind, finished_at=None).first()
    _refuse_at_the_wrong_time(study, kind)
    if under_way is not None and not is_lost(under_way):
        return under_way
    if under_way is not None:
        finish(under_way, problem=SILENT)
    made = DeskRun.objects.create(study=study, kind=kind, by=by, settings=settings or {})
    audit(study, by, f"asked for {kind}", made.settings)
    wake(tasks.search, made.pk, lost=lambda why: finish(made, problem=why))
    return made


def _refuse_at_the_wrong_time(study: Study, kind: str) -> None:
    draft = study.state == Study.State.DRAFT
    if draft and kind != Kind.CASES:
        raise Refused("Register the study first: the model is asked about its registered values.")
    if kind == Kind.CASES and not draft:
        raise Refused("The study is registered: its cases stay as they are.")


def is_lost(one: DeskRun) -> bool:
    """Has its worker been silent for too long?"""
    return one.finished_at is None and timezone.now() - (one.active_at or one.asked_at) > SILENCE


def perform(run_id: int) -> None:
    """Do the work of one row. Does nothing when another worker has it, or it is done."""
    now = timezone.now()
    free = DeskRun.objects.filter(pk=run_id, started_at=None, finished_at=None)
    if not free.update(started_at=now, active_at=now):
        return
    one = DeskRun.objects.select_related("study").get(pk=run_id)
    try:
        finish(one, **WORK[one.kind](one, _told(one)))
    except GivenUp:
        return
    except LLMError as error:
        finish(one, problem=f"The model gave no answer ({error.kind}): {error.detail}"[:2000])
    except (Refused, ValueError) as error:
        finish(one, problem=str(error)[:2000])
    except Exception as error:
        finish(one, problem=f"{type(error).__name__}: {error}"[:2000])
        raise


def finish(one: DeskRun, **told: Any) -> None:
    DeskRun.objects.filter(pk=one.pk, finished_at=None).update(finished_at=timezone.now(), **told)


def latest(study: Study, kind: str) -> DeskRun | None:
    """The last one asked for, without its pictures."""
    return DeskRun.objects.filter(study=study, kind=kind).defer("figures", "curve").first()


def _told(one: DeskRun) -> Told:
    """Writes progress down, at most once a second. Raises GivenUp when somebody finished the row meanwhile."""
    last = timezone.now() - WRITTEN_EVERY

    def tell(done: int, total: int) -> None:
        nonlocal last
        now = timezone.now()
        if now - last >= WRITTEN_EVERY or done == total:
            last = now
            open_row = DeskRun.objects.filter(pk=one.pk, finished_at=None)
            if not open_row.update(done=done, total=total, active_at=now):
                raise GivenUp

    return tell


def _merges(one: DeskRun, told: Told) -> dict[str, Any]:
    """A search for values that are one, and the curves over the threshold."""
    from dataclasses import asdict

    from elicitation.values import curves  # numbers: only the worker computes
    from elicitation.values.finding import THRESHOLD, find

    threshold = float(one.settings.get("threshold", THRESHOLD))
    found = find(study=one.study, by=one.by, threshold=threshold, told=told)
    total = max(found.candidates, 1)
    curve = curves.of_study(one.study, threshold, alive=lambda: told(total, total))
    return {"result": asdict(found), "curve": curve.rows, "figures": curve.figures}


def _upgrades(one: DeskRun, told: Told) -> dict[str, Any]:
    """Proposals in every context of the protocol."""
    from dataclasses import asdict

    from elicitation.upgrades.proposing import MOST, propose

    wanted = {"most": MOST, "stories": 1} | one.settings
    done = propose(study=one.study, most=wanted["most"], stories=wanted["stories"], told=told)
    return {"result": asdict(done)}


def _cases(one: DeskRun, told: Told) -> dict[str, Any]:
    """Cases on the subjects that were asked for."""
    from dataclasses import asdict

    from elicitation.case_drafts.drafting import draft

    done = draft(study=one.study, subjects=one.settings["subjects"], each=one.settings["each"], told=told)
    return {"result": asdict(done)}


WORK: dict[str, Callable[[DeskRun, Told], dict[str, Any]]] = {
    Kind.MERGES: _merges,
    Kind.UPGRADES: _upgrades,
    Kind.CASES: _cases,
}
