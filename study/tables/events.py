"""The rows of `events`, several for every page: lines that the database makes, no Python object a row."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from study.tables.reading import Person, driver

COPY = """
COPY (
    SELECT people.code, e.page, e.load, e.number, e.kind,
           e.client_ms::text || CASE WHEN e.client_ms::text ~ '^[0-9]+$' THEN '.0' ELSE '' END,
           to_char(e.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.data::text
      FROM study_traceevent e
      JOIN unnest(%s::uuid[], %s::text[]) WITH ORDINALITY AS people (session, code, place)
        ON people.session = e.session_id
     WHERE e.session_id = ANY(%s::uuid[])
     ORDER BY people.place, e.load, e.number
) TO STDOUT (FORMAT csv, NULL '\\N')"""
"""Cells as `cells.printed` and Python's csv module write them, in the order of `columns.EVENTS`. The sessions are given
twice: joined alone, the planner takes them for many and reads the whole table for every batch of a large study."""


def as_csv(of: Sequence[Person]) -> bytes:
    """Every trace event as lines of CSV, in the order of the people, their loads and numbers. One query."""
    sessions = [person.session.pk for person in of]
    given = sessions, [person.code for person in of], sessions
    out = BytesIO()
    with driver() as cursor, cursor.copy(COPY, given) as lines:
        for some in lines:
            out.write(some)
    return out.getvalue()


def as_table(lines: bytes, schema: pa.Schema) -> pa.Table:
    """The same with the types of `schema`."""
    if not lines:
        return schema.empty_table()
    return csv.read_csv(
        pa.py_buffer(lines),
        read_options=csv.ReadOptions(column_names=schema.names, use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(column_types=schema, null_values=[]),
    ).cast(schema)


def as_frame(lines: bytes, schema: pa.Schema) -> pd.DataFrame:
    """The same as a data frame."""
    nullable = {pa.int64(): pd.Int64Dtype()}
    frame: pd.DataFrame = as_table(lines, schema).to_pandas(types_mapper=nullable.get)
    return frame
