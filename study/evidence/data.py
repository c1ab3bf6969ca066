"""Everybody's pages and the tidy tables, written a few hundred people at a time: one walk, in bounded memory."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from study.evidence import records
from study.evidence.declared import Declared
from study.evidence.reproduce import file_name
from study.protocol.types import Protocol
from study.registration.models import Study
from study.stages.columns import Column
from study.tables import added, events, reading, rows
from study.tables.ahead import ahead
from study.tables.cells import columns_cells, printed
from study.tables.codebook import as_markdown, codebook
from study.tables.columns import columns_of
from study.tables.export import as_csv
from study.tables.progress import Advance, Progress
from study.tables.tidy import TABLES, schema, walked

ROWS_AT_ONCE = 50_000
"""Rows of a Parquet file's group."""
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
        self.file = (folder / file_name(name)).open("w", encoding="utf-8", newline="")
        self.csv = csv.writer(self.file, lineterminator="\n")
        self.csv.writerow([column.name for column in columns])
        self.schema = schema(columns)
        self.parquet = pq.ParquetWriter(folder / f"{name}.parquet", self.schema)
        self.waiting: list[pa.Table] = []
        self.count = 0

    def add(self, found: Sequence[rows.Row]) -> dict[str, list[Any]]:
        """Append rows; returns their cells by column."""
        listed = columns_cells(found, self.columns)
        shown = [printed(cells, column) for cells, column in zip(listed, self.columns, strict=True)]
        self.csv.writerows(zip(*shown, strict=True))
        arrays = [self._array(*one) for one in zip(listed, self.columns, self.schema, strict=True)]
        self._wait(pa.Table.from_arrays(arrays, schema=self.schema))
        return {column.name: cells for column, cells in zip(self.columns, listed, strict=True)}

    def add_lines(self, lines: bytes) -> None:
        """Append what is CSV already."""
        self.file.write(lines.decode())
        self._wait(events.as_table(lines, self.schema))

    def _wait(self, table: pa.Table) -> None:
        self.waiting.append(table)
        self.count += len(table)
        if sum(map(len, self.waiting)) >= ROWS_AT_ONCE:
            self._flush()

    def _array(self, cells: list[Any], column: Column, field: pa.Field) -> pa.Array:
        if not pa.types.is_dictionary(field.type):
            return pa.array(cells, type=field.type)
        place = {level: number for number, level in enumerate(column.levels)}
        codes = pa.array([cell if cell is None else place[cell] for cell in cells], field.type.index_type)
        levels = pa.array(column.levels, field.type.value_type)
        return pa.DictionaryArray.from_arrays(codes, levels, ordered=field.type.ordered)

    def _flush(self) -> None:
        if self.waiting:
            self.parquet.write_table(pa.concat_tables(self.waiting))
        self.waiting = []

    def close(self) -> None:
        self._flush()
        self.file.close()
        self.parquet.close()


def write(study: Study, folder: Path, *, progress: Progress) -> Written:
    """Walk once over everybody's pages: `evidence/submissions.jsonl`, and in `data/` all four tables with the codebook.

    People come in the order of arrival in every file, so that a verifier can hold them against each other person by
    person; rows come in the order that `tidy` gives them, so that a seeded analysis of the files repeats the report's
    numbers. Raises Refused for a page of our own stages that holds something undeclared.
    """
    target = folder / "data"
    target.mkdir(parents=True, exist_ok=True)
    protocols, _ = reading.versions(study)
    written = Written({name: columns_of(name, protocols) for name in TABLES})
    writers = {name: TableWriter(target, name, written.columns[name]) for name in TABLES}
    advance = progress(sum(records.sessions_of(study).values_list("submitted", flat=True)), "submissions")
    (folder / "evidence").mkdir(exist_ok=True)
    lines = (folder / "evidence" / "submissions.jsonl").open("w", encoding="utf-8", newline="\n")
    with lines, ExitStack() as closing:
        for writer in writers.values():
            closing.callback(writer.close)
        allowed = Declared(protocols)
        for batch in ahead(_read(study, protocols, advance)):
            found = _told(batch, written, allowed, lines)
            writers["events"].add_lines(batch.events)
            for name, added_rows in found.items():
                cells = writers[name].add(added_rows)
                if name == "participants":
                    _count(cells, written)
    written.counts |= {name: writer.count for name, writer in writers.items()}
    _added(study, target, written)
    book = codebook(written.columns)
    as_csv(book, target / "codebook.csv")
    (target / "codebook.md").write_text(as_markdown(book), encoding="utf-8", newline="\n")
    return written


@dataclass(frozen=True)
class Batch:
    """A few hundred people with all that the database holds of them: pages, sums of traces, trace events as CSV."""

    people: Sequence[reading.Person]
    submitted: dict[UUID, list[records.Submitted]]
    traces: reading.Traces
    events: bytes


def _read(study: Study, protocols: Sequence[Protocol], advance: Advance) -> Iterator[Batch]:
    """Everybody in batches; `advance` is told of the pages of each."""
    for people in reading.people(study, protocols):
        batch = Batch(people, records.submitted(people), reading.traces(people), events.as_csv(people))
        advance(sum(map(len, batch.submitted.values())))
        yield batch


def _told(batch: Batch, written: Written, allowed: Declared, lines: IO[str]) -> dict[str, list[rows.Row]]:
    """Rows of three tables for these people, whose pages are written to `lines`."""
    pages: dict[UUID, list[reading.Page]] = {}
    answered: dict[UUID, list[reading.Page]] = {}
    for person in batch.people:
        own = batch.submitted.pop(person.session.pk, [])
        kept, shown = pages.setdefault(person.session.pk, []), answered.setdefault(person.session.pk, [])
        for one in own:
            is_open = one.payload is not None and allowed.is_open(one.page, one.payload)
            lines.write(one.line(person.code, is_open=is_open))
            if one.payload is not None:
                kept.append(one.answers())
            if is_open:
                shown.append(kept[-1])
    return walked(batch.people, pages, batch.traces, written.columns, answered)


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


def _count(cells: dict[str, list[Any]], written: Written) -> None:
    """Answers by value, of the questions that could point at somebody."""
    for column in written.columns["participants"]:
        if column.type in CHECKED and column.name not in KNOWN:
            values = (str(value) for value in cells[column.name] if value is not None)
            written.answers.setdefault(column.name, Counter()).update(values)
