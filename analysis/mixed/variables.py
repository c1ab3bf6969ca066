"""Columns of a data frame as R would see them: numbers, or factors with ordered levels and R's labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.mixed.errors import ModelError
from analysis.mixed.formula import Sum, Term

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Encoded = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Variable:
    """A predictor: numeric when `levels` is empty, else a factor; `labels` are R's names of the levels."""

    name: str
    levels: tuple[Any, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def is_factor(self) -> bool:
        return bool(self.levels)

    def encode(self, column: pd.Series[Any]) -> npt.NDArray[Any]:
        """Numbers as float64; factor levels as codes. Raises ModelError for a level never seen."""
        if not self.is_factor:
            return _numbers(column, self.name)
        place = {level: i for i, level in enumerate(self.levels)}
        codes, distinct = pd.factorize(column, use_na_sentinel=False)
        values = [v.item() if isinstance(v, np.generic) else v for v in distinct]
        unknown = sorted({str(v) for v in values if v not in place})
        if unknown:
            raise ModelError(
                f"column '{self.name}' holds {unknown[0]!r}, which the model has not seen "
                f"(it knows {', '.join(self.labels)})"
            )
        return np.array([place[v] for v in values], dtype=np.int64)[codes]


def read_variable(column: pd.Series[Any], name: str) -> Variable:
    """What kind of predictor a column is; unused categories are dropped, as R's model frames do."""
    if column.nunique(dropna=True) == 0:
        raise ModelError(f"column '{name}' holds only missing values")
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = set(column.dropna().unique())
        return _factor(name, tuple(v for v in column.cat.categories if v in used))
    if pd.api.types.is_bool_dtype(column.dtype) or _all_logical(column):
        return _factor(name, tuple(v for v in (False, True) if (column == v).any()))
    if pd.api.types.is_datetime64_any_dtype(column.dtype) or pd.api.types.is_timedelta64_dtype(column.dtype):
        raise ModelError(
            f"column '{name}' holds dates or durations; turn it into a number of hours or days first"
        )
    if pd.api.types.is_complex_dtype(column.dtype):
        raise ModelError(f"column '{name}' holds complex numbers")
    if pd.api.types.is_numeric_dtype(column.dtype):
        return Variable(name)
    return _factor(name, _sorted_levels(column, name))


def _all_logical(column: pd.Series[Any]) -> bool:
    return column.dtype == object and all(isinstance(v, bool | np.bool_) for v in column.dropna())


def _sorted_levels(column: pd.Series[Any], name: str) -> tuple[Any, ...]:
    levels = column.dropna().unique().tolist()
    kinds = {type(v) for v in levels}
    if len(kinds) > 1:
        names = " and ".join(sorted(k.__name__ for k in kinds))
        raise ModelError(f"column '{name}' mixes {names} values; give it one type")
    if not kinds <= {str, int, float}:
        raise ModelError(
            f"column '{name}' holds {kinds.pop().__name__} values, which are no category or number"
        )
    return tuple(sorted(levels))


def _factor(name: str, levels: tuple[Any, ...]) -> Variable:
    plain = tuple(v.item() if isinstance(v, np.generic) else v for v in levels)
    return Variable(name, plain, tuple(label(v) for v in plain))


def label(level: Any) -> str:
    """R's spelling of a level: TRUE and FALSE, whole numbers without a point."""
    if isinstance(level, bool):
        return "TRUE" if level else "FALSE"
    if isinstance(level, float) and level.is_integer():
        return str(int(level))
    return str(level)


def _numbers(column: pd.Series[Any], name: str) -> Floats:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise ModelError(f"column '{name}' must hold numbers, as it did when the model was fitted")
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise ModelError(f"column '{name}' holds infinite values")
    return values


@dataclass(frozen=True)
class Column:
    """One column of a design matrix: the product of numeric variables and level indicators."""

    name: str
    term: Term
    parts: tuple[tuple[str, int | None], ...]

    def values(self, encoded: Encoded, rows: int) -> Floats:
        out = np.ones(rows)
        for variable, level in self.parts:
            out = out * (encoded[variable] if level is None else encoded[variable] == level)
        return out


def design_columns(side: Sum, variables: Mapping[str, Variable]) -> tuple[Column, ...]:
    """R's treatment coding of a right-hand side, with R's names and order of columns."""
    full = _fully_coded(side, variables)
    columns = [Column("(Intercept)", (), ())] if side.intercept else []
    for term in side.terms:
        columns += _term_columns(term, variables, full)
    return tuple(columns)


def _fully_coded(side: Sum, variables: Mapping[str, Variable]) -> set[tuple[Term, str]]:
    """(term, factor) pairs that need an indicator for every level: those whose margin is not in the model.

    Without an intercept the first factor met takes the intercept's place, as in R's model.matrix."""
    present = {frozenset(term) for term in side.terms}
    full = {
        (term, v)
        for term in side.terms
        for v in term
        if variables[v].is_factor and len(term) > 1 and frozenset(term) - {v} not in present
    }
    if not side.intercept:
        first = next(((t, v) for t in side.terms for v in t if variables[v].is_factor), None)
        full |= {first} if first else set()
    return full


def _term_columns(term: Term, variables: Mapping[str, Variable], full: set[tuple[Term, str]]) -> list[Column]:
    columns = [Column("", term, ())]
    for name in term:
        variable = variables[name]
        if not variable.is_factor:
            choices: list[tuple[str, int | None]] = [(name, None)]
        else:
            start = 0 if (term, name) in full else 1
            choices = [(name + variable.labels[i], i) for i in range(start, len(variable.levels))]
        columns = [
            Column(f"{c.name}:{text}" if c.name else text, term, (*c.parts, (name, level)))
            for text, level in choices
            for c in columns
        ]
    return columns


def design_matrix(columns: tuple[Column, ...], encoded: Encoded, rows: int) -> Floats:
    """The (rows, len(columns)) matrix; C-ordered float64."""
    out = np.empty((rows, len(columns)))
    for j, column in enumerate(columns):
        out[:, j] = column.values(encoded, rows)
    return out
