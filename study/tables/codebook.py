"""The codebook: every column of every table with type, unit, levels, question text, what its values mean and where they
come from."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from study.stages.columns import Column

COLUMNS = ("table", "column", "type", "unit", "levels", "label", "values", "source")
RECORD = "the study's record"
"""Where the columns of tables come from that another app adds."""


def codebook(columns: dict[str, list[Column]]) -> pd.DataFrame:
    """One row a column; levels joined by |."""
    return pd.DataFrame([_row(c) for listed in columns.values() for c in listed], columns=list(COLUMNS))


def _row(column: Column) -> dict[str, str]:
    return {
        "table": column.table,
        "column": column.name,
        "type": column.type,
        "unit": column.unit,
        "levels": "|".join(column.levels),
        "label": column.label,
        "values": column.values,
        "source": column.source or RECORD,
    }


def as_markdown(book: pd.DataFrame) -> str:
    """The codebook as a Markdown page, one table a tidy table."""
    return "\n\n".join(_section(str(name), rows) for name, rows in book.groupby("table", sort=False)) + "\n"


def _section(name: str, rows: pd.DataFrame) -> str:
    lines = [
        f"## {name}",
        "",
        "| column | type | unit | levels | what it is | values | source |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join(lines + list(_lines(rows.itertuples(index=False, name=None))))


def _lines(rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    for _table, column, kind, unit, levels, *told in rows:
        cells = (f"`{column}`", kind, unit, levels.replace("|", ", "), *told)
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
