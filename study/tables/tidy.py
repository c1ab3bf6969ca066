"""The four tidy tables of a study as typed data frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pandas as pd
import pyarrow as pa

from study.protocol.types import Protocol
from study.registration.models import Study
from study.stages.columns import Column
from study.tables import events, reading, rows
from study.tables.ahead import ahead
from study.tables.cells import columns_cells
from study.tables.columns import columns_of
from study.tables.progress import Advance, Progress, quiet

TABLES = ("participants", "trials", "responses", "events")


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
        return {name: getattr(self, name) for name in TABLES}


def tidy(
    study: Study,
    *,
    with_responses: bool = True,
    with_events: bool = True,
    of_trials: Callable[[list[str]], list[str]] = list,
    progress: Progress = quiet,
) -> Tables:
    """All tidy tables of a study, or those that are wanted (the others are empty). People are read a few hundred at a
    time, so that only the typed columns of everybody are held at once: two queries, and four for every 250 people.

    of_trials: which columns of trials are wanted, of those there are (all). Dtypes: text is str, categories keep the
    protocol's order, integers and booleans are the nullable ones, numbers float64, times datetime64 in UTC; missing is
    missing.
    """
    protocols, total = reading.versions(study)
    columns = {name: columns_of(name, protocols) for name in TABLES}
    kept = set(of_trials([column.name for column in columns["trials"]]))
    columns["trials"] = [column for column in columns["trials"] if column.name in kept]
    wanted = {"participants", "trials"}
    wanted |= {"responses"} if with_responses else set()
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    advance = progress(total, "people")
    for people, pages, traces, lines in ahead(_read(study, protocols, with_events, advance)):
        found = walked(people, pages, traces, columns)
        for name in wanted:
            if found[name]:
                frames[name].append(framed(found[name], columns[name]))
        if lines:
            frames["events"].append(events.as_frame(lines, schema(columns["events"])))
    joined = {name: _joined(frames.pop(name), columns[name]) for name in TABLES}
    return Tables(**joined, columns=columns)


Batch = tuple[list[reading.Person], dict[UUID, list[reading.Page]], reading.Traces, bytes]


def _read(
    study: Study, protocols: Sequence[Protocol], with_events: bool, advance: Advance
) -> Iterator[Batch]:
    """People, their pages, what was noticed on them, and trace events as CSV; `advance` is told of the people."""
    for people in reading.people(study, protocols):
        lines = events.as_csv(people) if with_events else b""
        yield people, reading.pages(people), reading.traces(people), lines
        advance(len(people))


def walked(
    people: Sequence[reading.Person],
    pages: Mapping[UUID, list[reading.Page]],
    traces: reading.Traces,
    columns: Mapping[str, Sequence[Column]],
    answered: Mapping[UUID, list[reading.Page]] | None = None,
) -> dict[str, list[rows.Row]]:
    """Rows of three tables for these people. answered: the pages whose answers `responses` may hold (all)."""
    names = {name: [c.name for c in listed] for name, listed in columns.items()}
    found: dict[str, list[rows.Row]] = {name: [] for name in ("participants", "trials", "responses")}
    for person in people:
        own = pages.get(person.session.pk, [])
        found["participants"].append(rows.participant_row(person, own, traces, names["participants"]))
        found["trials"] += rows.trial_rows(person, own, traces, names["trials"])
        found["responses"] += rows.response_rows(
            person, own if answered is None else answered.get(person.session.pk, [])
        )
    return found


def _joined(frames: list[pd.DataFrame], columns: Sequence[Column]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True) if frames else framed([], columns)


def framed(found: Sequence[rows.Row], columns: Sequence[Column]) -> pd.DataFrame:
    """Rows as a data frame with exactly these columns and their dtypes."""
    listed = columns_cells(found, columns)
    return pd.DataFrame({c.name: series(values, c) for c, values in zip(columns, listed, strict=True)})


def schema(columns: Sequence[Column]) -> pa.Schema:
    """The same columns and types for Arrow and Parquet."""
    return pa.Schema.from_pandas(framed([], columns), preserve_index=False)


def series(values: list[Any], column: Column) -> pd.Series:
    """One column's cells with its dtype."""
    match column.type:
        case "boolean":
            return pd.Series(values, dtype="boolean")
        case "integer":
            return pd.Series(values, dtype="Int64")
        case "number":
            return pd.Series(values, dtype="float64")
        case "time":
            times = pd.Series(values, dtype=object)
            return pd.Series(pd.to_datetime(times, utc=True)).astype("datetime64[us, UTC]")
        case "category":
            return pd.Series(pd.Categorical(values, categories=list(column.levels)))
        case _:
            return pd.Series(values, dtype="str")
