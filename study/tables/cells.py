"""A column's values as what they are, in lists of their own: what data frames, CSV and Parquet are all made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from study.session.chain import stamp
from study.stages.columns import Column
from study.tables.rows import Row, as_text

TRUTH = {True: "true", False: "false", None: None}


def columns_cells(found: Sequence[Row], columns: Sequence[Column]) -> list[list[Any]]:
    """Rows turned into exactly these columns, each a list as long as the rows."""
    return [cells([row.get(column.name) for row in found], column) for column in columns]


def cells(values: Iterable[Any], column: Column) -> list[Any]:
    """Values of a column's own type, None where missing; a value of another type is missing rather than a guess.

    boolean: bool · integer: int · number: float · time: aware datetime · category: one of the levels · else: str.
    """
    match column.type:
        case "boolean":
            return [v if isinstance(v, bool) else None for v in values]
        case "integer":
            return [_number(v, int) for v in values]
        case "number":
            return [_number(v, float) for v in values]
        case "time":
            return [v if isinstance(v, datetime) else None for v in values]
        case "category":
            levels = {level: level for level in column.levels}  # one text a level, however many rows have it
            return [levels.get(v if isinstance(v, str) else as_text(v)) for v in values]  # type: ignore[arg-type]
        case _:
            return [v if isinstance(v, str) else as_text(v) for v in values]


def _number(value: Any, kind: type[int] | type[float]) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return kind(value)


def printed(values: Sequence[Any], column: Column) -> Sequence[Any]:
    """Cells as CSV says them: truth values as true and false, times in ISO 8601 UTC with microseconds."""
    if column.type == "boolean":
        return [TRUTH[v] for v in values]
    if column.type == "time":
        return [v and moment(v) for v in values]
    return values


@lru_cache(maxsize=32_768)  # rows of one page share its times
def moment(at: datetime) -> str:
    """2026-01-31T12:00:00.000000Z"""
    return stamp(at).replace("+00:00", "Z")
