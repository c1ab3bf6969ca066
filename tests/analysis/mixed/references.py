"""R's reference models, read as R read them."""

from __future__ import annotations

import functools
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.shared_data import shared

OWN = Path(__file__).resolve().parents[2] / "reference"


def spec() -> dict[str, Any]:
    return json.loads(shared("reference", "models.json").read_text())


def reference(name: str) -> dict[str, Any]:
    return json.loads(shared("reference", f"{name}.json").read_text())


@functools.cache
def _table(name: str) -> pd.DataFrame:
    for ending in ("csv", "csv.gz"):
        path = shared("reference").joinpath(f"{name}.{ending}")
        if path.exists():
            return pd.read_csv(path)
    raise FileNotFoundError(name)


def data(name: str) -> pd.DataFrame:
    """A reference data set with the factor levels R was given."""
    table = _table(name).copy()
    for column, levels in spec()["levels"].items():
        if column in table:
            table[column] = pd.Categorical(table[column].astype(str), levels)
    return table


def slopes() -> dict[str, Any]:
    return json.loads((OWN / "slopes.json").read_text())


@functools.cache
def _slope_table() -> pd.DataFrame:
    with gzip.open(OWN / "slopes.csv.gz", "rt") as file:
        return pd.read_csv(file)


def slope_data(name: str) -> pd.DataFrame:
    table = _slope_table()
    table = table[table["set"] == name].drop(columns="set").reset_index(drop=True)
    table["arm"] = pd.Categorical(table["arm"], ["control", "citation"])
    return table


def values(mapping: dict[str, float]) -> np.ndarray:
    return np.array(list(mapping.values()), dtype=float)


def column(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row[name] if row[name] is not None else np.nan for row in rows], dtype=float)
