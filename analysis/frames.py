"""Checks of the tables that come in: each refusal names the column and the reason."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd


def require(data: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Refuse (ValueError, TypeError) a table that is none, is empty, or lacks or repeats a column."""
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"{what}: a pandas DataFrame is needed, not {type(data).__name__}")
    doubled = [str(name) for name in data.columns[data.columns.duplicated()]]
    if doubled:
        raise ValueError(f"{what}: column '{doubled[0]}' occurs more than once")
    for name in columns:
        if name not in data.columns:
            present = ", ".join(map(str, data.columns))
            raise ValueError(f"{what}: column '{name}' is missing; the table has: {present}")
    if data.empty:
        raise ValueError(f"{what}: the table has no rows")


def complete(data: pd.DataFrame, column: str) -> None:
    """Refuse a column with empty cells where none may be."""
    empty = int(data[column].isna().sum())
    if empty:
        raise ValueError(f"column '{column}' is empty in {empty} of {len(data)} rows: every row needs it")


def numbers(
    data: pd.DataFrame, column: str, low: float | None = None, high: float | None = None
) -> pd.Series:
    """The column as floats (nan where empty); refuses text, infinity and values outside low..high."""
    values = data[column]
    if not pd.api.types.is_numeric_dtype(values) and not values.isna().all():
        raise ValueError(f"column '{column}' holds {values.dropna().iloc[0]!r}: numbers are needed")
    found = values.astype("float64")
    if np.isinf(found).any():
        raise ValueError(f"column '{column}' holds an infinite value")
    least = -np.inf if low is None else low
    most = np.inf if high is None else high
    outside = found[(found < least) | (found > most)]
    if len(outside):
        raise ValueError(
            f"column '{column}' holds {outside.iloc[0]:g}: values must be from {least:g} to {most:g}"
        )
    return found


def group_columns(by: str | Sequence[str] | None, reserved: Sequence[str] = ()) -> list[str]:
    """The grouping columns as a list; refuses one that the measure itself uses."""
    names = [by] if isinstance(by, str) else list(by or ())
    for name in names:
        if name in reserved:
            raise ValueError(f"column '{name}' cannot be a group: the measure is computed from it")
    if len(set(names)) != len(names):
        raise ValueError(f"by={names}: a column is named twice")
    return names


def grouped(data: pd.DataFrame, by: Sequence[str]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Each group's labels and rows, in the order of the labels; one group when `by` is empty."""
    if not by:
        yield {}, data
        return
    for name in by:
        complete(data, name)
    for labels, rows in data.groupby(list(by), sort=True, observed=True):
        yield dict(zip(by, labels, strict=True)), rows
