"""From formula and data to arrays: outcome, fixed matrix, grouping factors, and what had to be left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.mixed.errors import ModelError
from analysis.mixed.formula import Formula, Term, parse_formula
from analysis.mixed.response import Response, read_response, response_columns
from analysis.mixed.variables import (
    Codes,
    Column,
    Encoded,
    Floats,
    Variable,
    design_columns,
    design_matrix,
    label,
    read_variable,
)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RandomTerm:
    """One `(columns | group)` of the formula: its column names and their place in the factor's block."""

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    start: int


@dataclass(frozen=True)
class Grouping:
    """A grouping factor with every random-effect column that shares it.

    codes: (rows,) level of each row. Z: (rows, K). free: (K, K) lower-triangular, the entries of the
    relative covariance factor Λ that are estimated (zero between the terms of `(x || g)`)."""

    name: str
    variables: Term
    levels: tuple[str, ...]
    codes: Codes
    Z: Floats
    free: Mask
    terms: tuple[RandomTerm, ...]

    @property
    def size(self) -> int:
        return len(self.levels)

    @property
    def width(self) -> int:
        return int(self.Z.shape[1])


@dataclass(frozen=True)
class Design:
    """A model's arrays. `columns` are the estimable fixed columns, `aliased` the names that had to go;
    `frame` the rows used (index kept from the data), `notes` what was done, in sentences."""

    formula: Formula
    frame: pd.DataFrame
    variables: Mapping[str, Variable]
    response: Response
    columns: tuple[Column, ...]
    X: Floats
    groupings: tuple[Grouping, ...]
    aliased: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        return len(self.frame)

    @property
    def terms(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    def encode(self, frame: pd.DataFrame) -> dict[str, npt.NDArray[Any]]:
        """The fixed part's variables of new rows as arrays; raises ModelError for absent columns."""
        fixed = {v for c in self.columns for v, _ in c.parts}
        absent = sorted(fixed - set(frame.columns))
        if absent:
            raise ModelError(f"column '{absent[0]}' is not in the new data")
        return {v: self.variables[v].encode(frame[v]) for v in sorted(fixed)}

    def matrix(self, encoded: Encoded, rows: int) -> Floats:
        return design_matrix(self.columns, encoded, rows)

    def with_response(self, y: Floats) -> Design:
        return replace(self, response=replace(self.response, y=y))


def build_design(formula: str, data: pd.DataFrame, family: str) -> Design:
    """Read `formula` against `data`; rows with missing values in the columns used are left out and counted.

    Raises ModelError for absent or unusable columns, a constant outcome, or a factor with one level."""
    parsed = parse_formula(formula)
    frame, notes = _model_frame(parsed, data, family)
    response = read_response(parsed.response, frame, family)
    variables = _predictors(parsed, frame)
    fixed = parsed.fixed if family != "ordinal" else replace(parsed.fixed, intercept=True)
    if family == "ordinal" and not parsed.fixed.intercept:
        raise ModelError(
            f"the formula {formula!r}: an ordinal model has thresholds in place of an intercept; keep it"
        )
    columns = design_columns(fixed, variables)
    encoded = {v: variables[v].encode(frame[v]) for v in variables}
    X = design_matrix(columns, encoded, len(frame))
    columns, X, aliased = _estimable(columns, X)
    if family == "ordinal":
        columns, X = columns[1:], np.ascontiguousarray(X[:, 1:])
    if aliased:
        notes.append(
            f"{_listed(aliased)} cannot be told apart from the other terms in these data (rank deficiency) "
            "and was left out."
        )
    groupings = _groupings(parsed, frame, variables, encoded, family)
    _check_size(len(frame), X.shape[1], family, response)
    return Design(parsed, frame, variables, response, columns, X, groupings, aliased, tuple(notes))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{n}'" for n in names)


def _model_frame(parsed: Formula, data: pd.DataFrame, family: str) -> tuple[pd.DataFrame, list[str]]:
    if not isinstance(data, pd.DataFrame):
        raise ModelError(f"data must be a pandas DataFrame, not {type(data).__name__}")
    if len(data) == 0:
        raise ModelError("the data have no rows")
    outcome = response_columns(parsed.response)
    if not outcome:
        raise ModelError(f"the outcome {parsed.response!r} names no column")
    used = tuple(dict.fromkeys(outcome + parsed.variables))
    for name in used:
        if name not in data.columns:
            raise ModelError(
                f"column '{name}' is not in the data; it has {', '.join(map(str, data.columns[:12]))}"
            )
        if isinstance(data[name], pd.DataFrame):
            raise ModelError(f"column '{name}' appears more than once in the data")
    twice = set(outcome) & set(parsed.variables)
    if twice:
        raise ModelError(f"column '{twice.pop()}' stands on both sides of the formula")
    frame = data[list(used)]
    missing = frame.isna()
    if not missing.to_numpy().any():
        return frame, []
    for name in used:
        if missing[name].all():
            raise ModelError(f"column '{name}' holds only missing values")
    gone = missing.any(axis=1)
    if gone.all():
        raise ModelError("no row is complete: every row misses one of " + _listed(used))
    where = ", ".join(f"'{n}' in {int(missing[n].sum())}" for n in used if missing[n].any())
    return frame[~gone], [
        f"{int(gone.sum())} of {len(frame)} rows were left out for missing values ({where})."
    ]


def _predictors(parsed: Formula, frame: pd.DataFrame) -> dict[str, Variable]:
    """Variables of the fixed and random columns (not of the grouping); one-level factors are refused."""
    sides = (parsed.fixed, *(r.columns for r in parsed.random))
    names = dict.fromkeys(v for side in sides for t in side.terms for v in t)
    variables = {name: read_variable(frame[name], name) for name in names}
    for v in variables.values():
        if v.is_factor and len(v.levels) < 2:
            raise ModelError(f"column '{v.name}' has one level only ({v.labels[0]}); a comparison needs two")
        if v.is_factor and len(v.levels) > 200:
            raise ModelError(
                f"column '{v.name}' has {len(v.levels)} different texts; a predictor with so many levels is "
                "usually a number read as text, or belongs in a random effect (1 | " + v.name + ")"
            )
    return variables


def _estimable(columns: tuple[Column, ...], X: Floats) -> tuple[tuple[Column, ...], Floats, tuple[str, ...]]:
    """Drop columns that are linear combinations of earlier ones (as R does, tolerance 1e-7)."""
    if not columns:
        raise ModelError("the model has no fixed effects at all, not even an intercept")
    length = np.sqrt((X**2).sum(axis=0))
    R = np.asarray(np.linalg.qr(X / np.where(length > 0, length, 1.0), mode="r"))
    basis: list[Floats] = []
    keep = []
    for j in range(X.shape[1]):
        left = R[:, j].copy()
        for _ in range(2):
            for q in basis:
                left -= q * (q @ left)
        size = float(np.sqrt(left @ left))
        if size > 1e-7:
            keep.append(j)
            basis.append(left / size)
    if len(keep) == X.shape[1]:
        return columns, X, ()
    aliased = tuple(columns[j].name for j in range(len(columns)) if j not in keep)
    return tuple(columns[j] for j in keep), np.ascontiguousarray(X[:, keep]), aliased


def _groupings(
    parsed: Formula, frame: pd.DataFrame, variables: Mapping[str, Variable], encoded: Encoded, family: str
) -> tuple[Grouping, ...]:
    by_group: dict[Term, list[tuple[Column, ...]]] = {}
    for part in parsed.random:
        columns = design_columns(part.columns, variables)
        known = by_group.setdefault(tuple(sorted(part.group)), [])
        seen = {c.name for other in known for c in other}
        both = [c.name for c in columns if c.name in seen]
        if both:
            raise ModelError(
                f"the random effect '{both[0]} | {':'.join(part.group)}' stands twice in the formula"
            )
        known.append(columns)
    names = {tuple(sorted(p.group)): p.group for p in parsed.random}
    return tuple(_grouping(names[key], terms, frame, encoded, family) for key, terms in by_group.items())


def _grouping(
    group: Term, terms: list[tuple[Column, ...]], frame: pd.DataFrame, encoded: Encoded, family: str
) -> Grouping:
    name = ":".join(group)
    codes, levels = level_codes(frame, group)
    if len(levels) < 2:
        raise ModelError(
            f"the grouping column '{name}' has one level only; a random effect needs two or more"
        )
    columns = tuple(c for term in terms for c in term)
    if family == "gaussian" and len(levels) * max(len(t) for t in terms) >= len(frame):
        raise ModelError(
            f"the random effects of '{name}' are as many as the rows ({len(levels)} levels × {len(columns)} "
            f"columns, {len(frame)} rows): they cannot be told apart from the residual"
        )
    free = np.zeros((len(columns), len(columns)), dtype=bool)
    parts, at = [], 0
    for term in terms:
        k = len(term)
        free[at : at + k, at : at + k] = np.tril(np.ones((k, k), dtype=bool))
        parts.append(RandomTerm(tuple(c.name for c in term), term, at))
        at += k
    return Grouping(
        name, group, levels, codes, design_matrix(columns, encoded, len(frame)), free, tuple(parts)
    )


def level_codes(frame: pd.DataFrame, group: Term) -> tuple[Codes, tuple[str, ...]]:
    """(rows,) level numbers of a grouping factor and the levels' names; `a:b` names observed combinations."""
    codes, names = _one_factor(frame[group[0]], group[0])
    for column in group[1:]:
        more, labels = _one_factor(frame[column], column)
        pairs = codes * len(labels) + more
        used, codes = np.unique(pairs, return_inverse=True)
        names = tuple(f"{names[p // len(labels)]}:{labels[p % len(labels)]}" for p in used.tolist())
    return codes.astype(np.int64), names


def _one_factor(column: pd.Series[Any], name: str) -> tuple[Codes, tuple[str, ...]]:
    if pd.api.types.is_float_dtype(column.dtype) and (column != column.round()).any():
        raise ModelError(
            f"the grouping column '{name}' holds fractions; a grouping column names people or items"
        )
    if column.dtype == object and len({type(v) for v in column}) > 1:
        raise ModelError(f"the grouping column '{name}' mixes types that have no order; give it one type")
    codes, levels = pd.factorize(column, sort=True)
    return codes.astype(np.int64), tuple(label(v) for v in levels.tolist())


def _check_size(rows: int, fixed: int, family: str, response: Response) -> None:
    parameters = fixed + (len(response.labels) - 1 if family == "ordinal" else 0)
    if rows <= parameters:
        raise ModelError(f"{rows} complete rows are too few for {parameters} fixed parameters")
