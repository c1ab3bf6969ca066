"""Means of one outcome by the groups of one predictor: what an exploration shows, with cluster-robust intervals.

Nothing here is confirmatory; whoever prints these numbers says so.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from analysis.estimate import ratio_estimate

Unit = Literal["share", "number"]
MOST_GROUPS = 12
PARTS = 4
"""A number with more values than groups can be shown is cut at its quartiles."""


def unit_of(values: pd.Series) -> Unit:
    """Is the outcome a share (boolean) or a number? Raises ValueError for words."""
    if pd.api.types.is_bool_dtype(values):
        return "share"
    if pd.api.types.is_numeric_dtype(values):
        return "number"
    raise ValueError(f"'{values.name}' is neither a number nor yes or no: it has no mean")


def groups_of(values: pd.Series) -> pd.Series:
    """The group of each row as text; numbers of many values by quartile. Missing stays missing.

    Raises ValueError for more than MOST_GROUPS groups of words, or none.
    """
    present = values.dropna()
    many = present.nunique() > MOST_GROUPS
    if many and pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        cut = pd.qcut(values.astype("float64"), PARTS, duplicates="drop")
        names = {part: f"{part.left:g} to {part.right:g}" for part in cut.cat.categories}
        return cut.cat.rename_categories(names)
    if many:
        raise ValueError(f"'{values.name}' has {present.nunique()} different values: too many to compare")
    if present.empty:
        raise ValueError(f"'{values.name}' has no value here")
    known = (
        [v for v in values.cat.categories if (present == v).any()]
        if isinstance(values.dtype, pd.CategoricalDtype)
        else sorted(present.unique())
    )
    texts = values.astype("object").map(lambda value: str(value), na_action="ignore")
    return pd.Series(pd.Categorical(texts, [str(v) for v in known], ordered=True), index=values.index)


def means_by(rows: pd.DataFrame, outcome: str, by: str) -> pd.DataFrame:
    """A row a group: group, value, se, low, high, n (rows), clusters (participants), missing, note.

    rows: participant, the outcome's column (boolean or number) and the predictor's. Mean over rows; standard error
    cluster-robust by participant (CR1), t interval with clusters - 1 degrees of freedom, on the logit scale for
    shares (`analysis.estimate.ratio_estimate`). Raises ValueError where there is nothing to compare.
    """
    unit = unit_of(rows[outcome])
    table = pd.DataFrame(
        {
            "participant": rows["participant"],
            "value": rows[outcome].astype("float64"),
            "group": groups_of(rows[by]),
        }
    )
    found = []
    for name, part in table.dropna(subset=["group"]).groupby("group", observed=True, sort=True):
        present = part.dropna(subset=["value"])
        codes, people = pd.factorize(present["participant"])
        sums = np.bincount(codes, weights=present["value"], minlength=len(people)).astype(np.float64)
        counts = np.bincount(codes, minlength=len(people)).astype(np.float64)
        estimate = ratio_estimate(sums, counts, missing=len(part) - len(present), proportion=unit == "share")
        found.append({"group": str(name)} | estimate.as_row())
    if not found:
        raise ValueError("nobody is in any of the groups")
    return pd.DataFrame(found)


def people_by(rows: pd.DataFrame, outcome: str, by: str) -> pd.DataFrame:
    """One mean a participant and group, for the dots of a figure: participant, group, value."""
    table = pd.DataFrame(
        {
            "participant": rows["participant"],
            "value": rows[outcome].astype("float64"),
            "group": groups_of(rows[by]).astype("object"),
        }
    ).dropna()
    return table.groupby(["participant", "group"], observed=True, sort=False)["value"].mean().reset_index()
