"""Calibration scores and diagrams of a plan: stated probabilities against what was true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.calibration import Calibration, calibration, calibration_table
from analysis.plan.types import MeasureTable

STATED, HAPPENED = "stated_probability", "it_happened"


def stated(trials: pd.DataFrame, probability: str | None) -> pd.DataFrame:
    """The trials with two more columns: the probability that was stated (0 to 1) and whether it happened (1 or 0).

    trials: tidy trials, numbers in percent. probability: the column that says how likely the final answer is right,
    held against `correct`; None where answers are probabilities of the statement, held against its truth.
    Raises ValueError where a column is absent or the truth is itself no more than a probability.
    """
    column, event = (probability, "correct") if probability else ("final", "truth")
    for name in (column, event):
        if name not in trials:
            raise ValueError(f"calibration needs a column '{name}', which the trials do not have")
    if not pd.api.types.is_numeric_dtype(trials[column]) or pd.api.types.is_bool_dtype(trials[column]):
        raise ValueError(f"column '{column}' holds no numbers: probabilities are numbers from 0 to 100")
    values = trials[column].astype("float64") / 100
    happened = trials[event].astype("float64" if pd.api.types.is_numeric_dtype(trials[event]) else "boolean")
    if probability is None:
        happened = happened / 100
    return trials.assign(**{STATED: values, HAPPENED: happened.astype("float64")})


def scores(
    trials: pd.DataFrame, table: MeasureTable, names: Sequence[str], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """The calibration scores among `names`, a row a group and score as `calibration_table` gives them."""
    rows = calibration_table(
        stated(trials, table.probability),
        table.by,
        probability=STATED,
        outcome=HAPPENED,
        rng=rng,
        replicates=table.draws,
    )
    chosen = rows[rows["measure"].isin(names)]
    return [{str(key): value for key, value in row.items()} for row in chosen.to_dict("records")]


def diagrams(trials: pd.DataFrame, probability: str | None, by: str = "arm") -> dict[str, Calibration]:
    """The bins of a reliability diagram for every group that stated a probability at all."""
    table = stated(trials, probability)
    found = {}
    for name, group in table.groupby(by, observed=True, sort=True):
        present = group[group[STATED].notna() & group[HAPPENED].notna()]
        if len(present):
            found[str(name)] = calibration(
                present[STATED], present[HAPPENED], participants=present["participant"].to_numpy()
            )
    return found
