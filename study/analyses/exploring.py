"""Looks that were not registered: only where outcomes may be seen, always logged, always stamped exploratory."""

from __future__ import annotations

import math
from typing import Any

from django.db import transaction
from django.utils import timezone

from study.analyses import blinding
from study.analyses.models import Exploration
from study.protocol import Protocol
from study.registration.actions import name_of
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.frozen import current, protocol_of
from study.registration.models import Study
from study.tables.columns import columns_of
from study.waking import wake

STAMP = "EXPLORATORY: not in the registered plan"
MEANS = ("boolean", "integer", "number")
GROUPS = ("category", "boolean", "integer", "number")
NOT_COMPARED = frozenset({"slot", "block", "registration"})
TABLES = ("trials", "participants")


def choices(protocol: Protocol, types: tuple[str, ...]) -> list[tuple[str, str]]:
    """Columns of these types as (table.column, words)."""
    return [
        (f"{table}.{column.name}", f"{table}: {column.name}")
        for table in TABLES
        for column in columns_of(table, [protocol])
        if column.type in types and column.name not in NOT_COMPARED
    ]


@transaction.atomic
def ask(*, study: Study, outcome: str, predictor: str, subgroup: str, value: str, by: Any) -> Exploration:
    """Have a worker look. Raises Blinded before outcomes may be seen, Refused for columns that cannot be compared."""
    from study.panel import tasks

    blinding.require_sight(study)
    protocol = protocol_of(current(study).pk)
    groups = dict(choices(protocol, GROUPS))
    if outcome not in dict(choices(protocol, MEANS)):
        raise Refused("Choose an outcome of the list.")
    if predictor not in groups or (subgroup and subgroup not in groups):
        raise Refused("Choose a column of the list to compare by.")
    if outcome.startswith("participants.") and "trials." in predictor + subgroup:
        raise Refused("A participant's number cannot be compared by what differs from trial to trial.")
    if outcome == predictor:
        raise Refused("An outcome is not compared by itself.")
    value = value.replace("\x00", "").strip()[:200]
    if bool(subgroup) != bool(value):
        raise Refused("A subgroup needs its column and its value.")
    asked = {"outcome": outcome, "predictor": predictor, "subgroup": subgroup, "value": value}
    made = Exploration.objects.create(study=study, by=by, **asked)
    audit(study, name_of(by), "explored", asked)
    wake(tasks.explore, made.pk, lost=lambda why: _finish(made, problem=why))
    return made


def perform(exploration_id: int) -> None:
    """Look and keep what was seen. Does nothing for one that is done."""
    one = Exploration.objects.select_related("study").get(pk=exploration_id)
    if one.finished_at is not None or not blinding.may_see_outcomes(one.study):
        return
    told: dict[str, Any]
    try:
        told = _looked(one)
    except ValueError as error:
        told = {"problem": str(error)[:2000]}
    except Exception as error:
        _finish(one, problem=f"{type(error).__name__}: {error}"[:2000])
        raise
    _finish(one, **told)


def _finish(one: Exploration, **told: Any) -> None:
    Exploration.objects.filter(pk=one.pk, finished_at=None).update(finished_at=timezone.now(), **told)


def _looked(one: Exploration) -> dict[str, Any]:
    """Result and figure. Raises ValueError, in words, where there is nothing to compare."""
    from analysis.exploring import means_by, people_by, unit_of
    from analysis.figures import means

    rows = _rows(one)
    outcome, predictor = one.outcome.split(".")[1], one.predictor.split(".")[1]
    table = means_by(rows, outcome, predictor)
    shown = table.dropna(subset=["low", "high"])
    figure = ""
    if not shown.empty:
        people = people_by(rows, outcome, predictor)
        drawn = means(
            shown,
            people[people["group"].isin(shown["group"])],
            group="group",
            label=outcome,
            title=STAMP,
            unit=unit_of(rows[outcome]),
            order=list(shown["group"]),
        )
        figure = drawn.svg().decode()
    kept = [{key: _plain(value) for key, value in row.items()} for row in table.to_dict("records")]
    return {"result": {"rows": kept, "unit": unit_of(rows[outcome]), "stamp": STAMP}, "figure": figure}


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rows(one: Exploration) -> Any:
    """The outcome's rows of everybody whom the registered rules keep, with the participants' columns beside trials."""
    from analysis.plan.people import sort_people
    from study.tables.progress import quiet
    from study.tables.tidy import tidy

    tables = tidy(one.study, with_events=False, progress=quiet).as_dict()
    people = tables["participants"]
    kept = sort_people(protocol_of(current(one.study).pk).plan, people).analysed
    rows = tables[one.outcome.split(".")[0]]
    if one.outcome.startswith("trials."):
        wanted = [c for c in people if c == "participant" or c not in rows]
        rows = rows.merge(people[wanted], on="participant", how="left")
    rows = rows[rows["participant"].isin(kept)]
    if one.subgroup:
        column = one.subgroup.split(".")[1]
        rows = rows[rows[column].astype("object").map(str).str.lower() == one.value.lower()]
    if rows.empty:
        raise ValueError("Nobody is in this subgroup.")
    return rows
