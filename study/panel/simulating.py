"""Power and rehearsal cohorts, asked for in the panel and made by a worker: a row is the record of the work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from study.panel.models import Simulation
from study.protocol import from_canonical, sha256
from study.registration.actions import name_of
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.frozen import current, protocol_of
from study.registration.known_power import known_power_of
from study.registration.models import Study
from study.session.models import Session
from study.waking import wake

Kind = Simulation.Kind
SILENCE = timedelta(minutes=5)
LEAST, MOST = 20, 1000
MOST_PEOPLE = 2000
AT_ONCE = 40
WRITTEN_EVERY = timedelta(seconds=1)
SHARES = (0.5, 0.75, 1.0, 1.25)
"""The sizes at which power is simulated, as shares of the sample."""


class Cancelled(Exception):
    """Somebody took the work back while it was done."""


@transaction.atomic
def ask(*, study: Study, kind: str, wanted: int, by: Any, address: str = "") -> Simulation:
    """Have something simulated; what is under way already is returned instead. One whose worker has been silent for
    five minutes counts as lost. Raises Refused for a study or a number that does not fit."""
    from study.panel import tasks

    study = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    _check(study, kind, wanted)
    under_way = Simulation.objects.filter(study=study, kind=kind, finished_at=None).first()
    if under_way is not None and not is_lost(under_way):
        return under_way
    if under_way is not None:
        _finish(under_way, problem="The worker went silent.")
    digest = sha256(from_canonical(study.draft)) if kind == Kind.POWER else current(study).sha256
    total = wanted * (len(SHARES) if kind == Kind.POWER else 1)
    made = Simulation.objects.create(
        study=study, kind=kind, sha256=digest, wanted=wanted, by=by, address=address, total=total
    )
    audit(
        study,
        name_of(by),
        f"asked for simulated {'power' if kind == Kind.POWER else 'participants'}",
        {"wanted": wanted},
    )
    wake(tasks.simulate, made.pk, lost=lambda why: _finish(made, problem=why))
    return made


def _check(study: Study, kind: str, wanted: int) -> None:
    if kind == Kind.POWER:
        if study.state != Study.State.DRAFT:
            raise Refused("Power is simulated for a draft, before it is registered.")
        if not LEAST <= wanted <= MOST:
            raise Refused(f"Between {LEAST} and {MOST} simulated studies can be asked for.")
        return
    if study.mode != Study.Mode.REHEARSAL:
        raise Refused("Simulated participants enter rehearsals only.")
    if study.state != Study.State.COLLECTING:
        raise Refused("Open the study first: nobody is let in now.")
    if not 1 <= wanted <= MOST_PEOPLE:
        raise Refused(f"Between 1 and {MOST_PEOPLE} participants can be asked for.")


def is_lost(one: Simulation) -> bool:
    """Has its worker been silent for too long?"""
    if one.finished_at is not None:
        return False
    signs = [one.asked_at, one.active_at]
    if one.kind == Kind.COHORT:
        signs.append(Session.objects.filter(study_id=one.study_id).aggregate(at=Max("active_at"))["at"])
    return timezone.now() - max(sign for sign in signs if sign) > SILENCE


def perform(simulation_id: int) -> None:
    """Do the work of one row. Does nothing when another worker has it, or it is done."""
    now = timezone.now()
    free = Simulation.objects.filter(pk=simulation_id, started_at=None, finished_at=None)
    if not free.update(started_at=now, active_at=now):
        return
    one = Simulation.objects.select_related("study").get(pk=simulation_id)
    try:
        told = _power(one) if one.kind == Kind.POWER else {"result": _cohort(one)}
    except Cancelled:
        return
    except Exception as error:
        _finish(one, problem=f"{type(error).__name__}: {error}"[:2000])
        raise
    _finish(one, **told)


def _finish(one: Simulation, **told: Any) -> None:
    Simulation.objects.filter(pk=one.pk, finished_at=None).update(finished_at=timezone.now(), **told)


def _told(one: Simulation) -> Callable[[int, int], None]:
    """Writes progress down, at most once a second.

    Raises Cancelled when somebody finished the row meanwhile."""
    last = timezone.now()

    def tell(done: int, total: int) -> None:
        nonlocal last
        now = timezone.now()
        if now - last > WRITTEN_EVERY:
            last = now
            open_row = Simulation.objects.filter(pk=one.pk, finished_at=None)
            if not open_row.update(done=done, total=total, active_at=now):
                raise Cancelled

    return tell


def _power(one: Simulation) -> dict[str, Any]:
    """What its row is told in the end."""
    from study.registration.power import simulate

    protocol = from_canonical(one.study.draft)
    result = simulate(protocol, runs=one.wanted, progress=_told(one), workers=2, shares=SHARES)
    return {"result": result, "figure": curve(result)}


def curve(result: dict[str, Any]) -> str:
    """The power curve with its Monte-Carlo band as SVG; '' where no hypothesis has one."""
    import pandas as pd  # only the worker draws

    from analysis.figures import power_curve

    rows = [row for row in result.get("curve", []) if row["power"] is not None]
    return power_curve(pd.DataFrame(rows), target=result["target"]).svg().decode() if rows else ""


@transaction.atomic
def cancel(*, study: Study, by: Any) -> bool:
    """Take a power simulation back that is under way; its worker stops at the next sign of life."""
    open_rows = Simulation.objects.filter(study=study, kind=Kind.POWER, finished_at=None)
    found = open_rows.update(finished_at=timezone.now(), problem=f"Cancelled by {name_of(by)}.")
    if found:
        audit(study, name_of(by), "cancelled simulated power")
    return bool(found)


def _cohort(one: Simulation) -> dict[str, Any]:
    """People at the web server's own pages, who read nothing and are quick."""
    from study.rehearsal.cohort import Cohort

    protocol = protocol_of(current(one.study).pk)
    cohort = Cohort(one.study, protocol, one.address, concurrency=AT_ONCE)
    result = asyncio.run(cohort.run(one.wanted))
    return {
        "arrived": result.arrived,
        "pages": result.pages,
        "outcomes": dict(result.outcomes),
        "stuck": result.stuck[:20],
    }


def latest(study: Study, kind: str, digest: str = "") -> Simulation | None:
    """The last one asked for; with `digest` only of that document."""
    found = Simulation.objects.filter(study=study, kind=kind).defer("figure")
    return (found.filter(sha256=digest) if digest else found).first()


def finished_power(study: Study, digest: str) -> dict[str, Any] | None:
    """The last power that was simulated for exactly this document; else what came with it, for a shipped one."""
    found = Simulation.objects.filter(study=study, kind=Kind.POWER, sha256=digest, result__isnull=False)
    return found.values_list("result", flat=True).first() or known_power_of(digest)


def finished_figure(study: Study, digest: str) -> str:
    """The curve of the last power that was simulated for exactly this document; '' for none."""
    found = Simulation.objects.filter(study=study, kind=Kind.POWER, sha256=digest, result__isnull=False)
    return found.values_list("figure", flat=True).first() or ""
