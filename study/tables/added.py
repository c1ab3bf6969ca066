"""Tidy tables of another app, written into the bundle beside the four of every study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from study.registration.models import Study
from study.stages.columns import Column
from study.tables.rows import Row


@dataclass(frozen=True)
class AddedTable:
    """rows: the table's rows of a study, or None at a study that has no such table."""

    name: str
    columns: Sequence[Column]
    rows: Callable[[Study], list[Row] | None]


_TABLES: dict[str, AddedTable] = {}


def add(table: AddedTable) -> None:
    """Make a table known; to be called when an app is ready. One word without signs: files are named after it."""
    _TABLES[table.name] = table


def tables() -> list[AddedTable]:
    """All of them, in the order added."""
    return list(_TABLES.values())
