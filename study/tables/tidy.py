"""The four tidy tables of a study as typed data frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from tqdm import tqdm

from study.protocol.types import Protocol
from study.registration.models import Study
from study.stages.columns import Column
from study.tables import reading, rows
from study.tables.columns import columns_of

Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]


@dataclass(frozen=True)
class Tables:
    """Tidy tables of one study, and the columns they have."""

    participants: pd.DataFrame
    trials: pd.DataFrame
    responses: pd.DataFrame
    events: pd.DataFrame
    columns: dict[str, list[Column]]

    def as_dict(self) -> dict[str, pd.DataFrame]:
        """By name, as the plan's runner takes them."""
        return {name: getattr(self, name) for name in ("participants", "trials", "responses", "events")}


def quiet(steps: Iterable[Any], total: int, what: str) -> Iterable[Any]:
    """No progress shown."""
    return steps


def bar(steps: Iterable[Any], total: int, what: str) -> Iterable[Any]:
    """A progress bar on the terminal."""
    return tqdm(steps, total=total, desc=what, unit="people")


def tidy(study: Study, *, with_events: bool = True, progress: Progress = quiet) -> Tables:
    """All tidy tables of a study. Four queries however many people took part (three without events).

    Dtypes: text is str, categories keep the protocol's order, integers and booleans are the nullable ones, numbers
    float64, times datetime64 in UTC; missing is missing.
    """
    people = reading.people(study)
    protocols = versions_of(people)
    columns = {
        name: columns_of(name, protocols) for name in ("participants", "trials", "responses", "events")
    }
    traces = reading.noticed(study)
    found = _rows(people, reading.pages(study), traces, columns, progress)
    found["events"] = list(_events(study, people)) if with_events else []
    frames = {name: framed(found[name], columns[name]) for name in columns}
    return Tables(**frames, columns=columns)


def versions_of(people: Sequence[reading.Person]) -> list[Protocol]:
    """The protocols people ran under, each once, in the order of their registration."""
    by_registration = {person.session.registration_id or 0: person.protocol for person in people}
    return [by_registration[key] for key in sorted(by_registration)]


def _rows(
    people: Sequence[reading.Person],
    pages: Iterable[tuple[Any, list[reading.Page]]],
    traces: reading.Traces,
    columns: dict[str, list[Column]],
    progress: Progress,
) -> dict[str, list[rows.Row]]:
    names = {name: [c.name for c in listed] for name, listed in columns.items()}
    submitted = dict(pages)
    found: dict[str, list[rows.Row]] = {"participants": [], "trials": [], "responses": []}
    for person in progress(people, len(people), "tables"):
        own = submitted.get(person.session.pk, [])
        found["participants"].append(rows.participant_row(person, own, traces, names["participants"]))
        found["trials"] += rows.trial_rows(person, own, traces, names["trials"])
        found["responses"] += rows.response_rows(person, own)
    return found


def _events(study: Study, people: Sequence[reading.Person]) -> Iterable[rows.Row]:
    codes = {person.session.pk: person.code for person in people}
    for session, page, load, number, kind, client_ms, received_at, data in reading.events(study):
        yield {
            "participant": codes[session],
            "page": page,
            "load": load,
            "number": number,
            "kind": kind,
            "client_ms": client_ms,
            "received_at": received_at,
            "data": rows.as_text(data),
        }


def framed(found: Sequence[rows.Row], columns: Sequence[Column]) -> pd.DataFrame:
    """Rows as a data frame with exactly these columns and their dtypes."""
    return pd.DataFrame({c.name: series([row.get(c.name) for row in found], c) for c in columns})


def series(values: list[Any], column: Column) -> pd.Series:
    """One column's values with its dtype; a value of another type becomes missing rather than a guess."""
    match column.type:
        case "boolean":
            return pd.Series([v if isinstance(v, bool) else None for v in values], dtype="boolean")
        case "integer":
            return pd.Series([_number(v, int) for v in values], dtype="Int64")
        case "number":
            return pd.Series([_number(v, float) for v in values], dtype="float64")
        case "time":
            times = [v if isinstance(v, datetime) else None for v in values]
            return pd.Series(pd.to_datetime(pd.Series(times, dtype=object), utc=True)).astype(
                "datetime64[us, UTC]"
            )
        case "category":
            texts = [rows.as_text(v) for v in values]
            return pd.Series(pd.Categorical(texts, categories=list(column.levels)))
        case _:
            return pd.Series([rows.as_text(v) for v in values], dtype="str")


def _number(value: Any, kind: type[int] | type[float]) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return kind(value)
