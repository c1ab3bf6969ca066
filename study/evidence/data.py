"""Tidy tables written a few hundred people at a time: the same rows and types as `tidy`, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from study.evidence.declared import Declared
from study.evidence.reproduce import file_name
from study.registration.models import Study
from study.stages.columns import Column
from study.tables import added, reading, rows
from study.tables.codebook import as_markdown, codebook
from study.tables.columns import columns_of
from study.tables.export import as_csv, printable
from study.tables.tidy import Progress, framed, versions_of

TABLES = ("participants", "trials", "responses", "events")
PEOPLE_AT_ONCE = 200
SMALL = 5
CHECKED = ("category", "boolean", "integer")
KNOWN = frozenset({"source", "arm", "slot", "block", "outcome", "registration", "late", "trials", "honeypots", "pastes",
                   "links_opened", "fast_trials", "comprehension_errors", "recognition_hits",
                   "recognition_false_alarms"})  # fmt: skip


@dataclass
class Written:
    """What was written: rows by table, the columns, and answers that few people gave."""

    columns: dict[str, list[Column]]
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    answers: dict[str, Counter[str]] = field(default_factory=dict)

    def small_cells(self) -> list[str]:
        """Answers to questions about people given by fewer than five of them, as `column: value (count)`."""
        return [
            f"{column}: {value} ({count})"
            for column, counts in self.answers.items()
            for value, count in sorted(counts.items())
            if count < SMALL
        ]


class TableWriter:
    """One table as CSV and as Parquet, grown batch by batch."""

    def __init__(self, folder: Path, name: str, columns: Sequence[Column]) -> None:
        self.columns = columns
        self.csv = (folder / file_name(name)).open("w", encoding="utf-8", newline="")
        empty = framed([], columns)
        self.schema = pa.Schema.from_pandas(empty, preserve_index=False)
        self.parquet = pq.ParquetWriter(folder / f"{name}.parquet", self.schema)
        printable(empty).to_csv(self.csv, index=False, lineterminator="\n")

    def add(self, found: Sequence[rows.Row]) -> pd.DataFrame:
        """Append rows; returns them as a typed frame."""
        frame = framed(found, self.columns)
        if len(frame):
            printable(frame).to_csv(self.csv, index=False, header=False, lineterminator="\n")
            self.parquet.write_table(pa.Table.from_pandas(frame, schema=self.schema, preserve_index=False))
        return frame

    def close(self) -> None:
        self.csv.close()
        self.parquet.close()


def write(study: Study, folder: Path, *, progress: Progress) -> Written:
    """Write all four tables with the codebook to `folder`. Rows come in the order that `tidy` gives them, so that a
    seeded analysis of the files repeats the report's numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    people = reading.people(study)
    protocols = versions_of(people)
    written = Written({name: columns_of(name, protocols) for name in TABLES})
    writers = {name: TableWriter(folder, name, written.columns[name]) for name in TABLES}
    try:
        for person_rows in _batches(study, people, written.columns, Declared(protocols), progress):
            for name, found in person_rows.items():
                frame = writers[name].add(found)
                written.counts[name] += len(found)
                if name == "participants":
                    _count(frame, written)
    finally:
        for writer in writers.values():
            writer.close()
    _added(study, folder, written)
    book = codebook(written.columns)
    as_csv(book, folder / "codebook.csv")
    (folder / "codebook.md").write_text(as_markdown(book), encoding="utf-8", newline="\n")
    return written


def _added(study: Study, folder: Path, written: Written) -> None:
    """The tables of other apps, where the study has them."""
    for table in added.tables():
        found = table.rows(study)
        if found is None:
            continue
        written.columns[table.name] = list(table.columns)
        written.counts[table.name] = len(found)
        writer = TableWriter(folder, table.name, table.columns)
        try:
            writer.add(found)
        finally:
            writer.close()


def _batches(
    study: Study,
    people: Sequence[reading.Person],
    columns: dict[str, list[Column]],
    allowed: Declared,
    progress: Progress,
) -> Iterator[dict[str, list[rows.Row]]]:
    names = {name: [c.name for c in listed] for name, listed in columns.items()}
    batch: list[reading.Person] = []
    for place, person in enumerate(progress(people, len(people), "tables"), start=1):
        batch.append(person)
        if len(batch) == PEOPLE_AT_ONCE or place == len(people):
            yield _rows(study, batch, names, allowed)
            batch = []


def _rows(
    study: Study, batch: Sequence[reading.Person], names: dict[str, list[str]], allowed: Declared
) -> dict[str, list[rows.Row]]:
    ids = [person.session.pk for person in batch]
    traces, pages = reading.noticed(study, ids), dict(reading.pages(study, ids))
    found: dict[str, list[rows.Row]] = {name: [] for name in TABLES}
    for person in batch:
        own = pages.get(person.session.pk, [])
        found["participants"].append(rows.participant_row(person, own, traces, names["participants"]))
        found["trials"] += rows.trial_rows(person, own, traces, names["trials"])
        found["responses"] += rows.response_rows(
            person, [p for p in own if allowed.is_open(p.page, p.payload)]
        )
    codes = {person.session.pk: person.code for person in batch}
    found["events"] = [_event(codes, *event) for event in reading.events(study, ids)]
    return found


def _event(codes: dict[Any, str], session: Any, page: str, load: str, number: int, kind: str, client_ms: float,
           received_at: Any, data: Any) -> rows.Row:  # fmt: skip
    return {
        "participant": codes[session],
        "page": page,
        "load": load,
        "number": number,
        "kind": kind,
        "client_ms": client_ms,
        "received_at": received_at,
        "data": rows.as_text(data),
    }


def _count(frame: pd.DataFrame, written: Written) -> None:
    """Answers by value, of the questions that could point at somebody."""
    for column in written.columns["participants"]:
        if column.type in CHECKED and column.name not in KNOWN:
            values = frame[column.name].dropna().astype(str)
            written.answers.setdefault(column.name, Counter()).update(values)
