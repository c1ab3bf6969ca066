"""Random crossed experiments for tests: sizes, imbalance, effects and families drawn from a seed."""

from __future__ import annotations

import numpy as np
import pandas as pd


def random_design(seed: int) -> tuple[str, pd.DataFrame, str]:
    """A formula, its data and its family; small to middling, often unbalanced, sometimes with slopes."""
    rng = np.random.default_rng(seed)
    family = ("gaussian", "binomial", "poisson")[seed % 3]
    people, items = int(rng.integers(12, 90)), int(rng.integers(4, 16))
    table = pd.DataFrame(
        [(p, i) for p in range(people) for i in range(items) if rng.random() < 0.85],
        columns=["person", "thing"],
    )
    table["arm"] = np.array(["a", "b", "c"])[table["person"] % int(rng.integers(2, 4))]
    table["x"] = rng.normal(size=len(table)).round(3)
    spread = rng.uniform(0.2, 1.2, size=3)
    eta = rng.normal(0, 0.4) + 0.4 * (table["arm"] == "b") + rng.normal(0, 0.4) * table["x"]
    eta = (
        eta
        + spread[0] * rng.normal(size=people)[table["person"]]
        + spread[1] * rng.normal(size=items)[table["thing"]]
    )
    slope = seed % 4 == 0
    if slope:
        eta = eta + spread[2] * rng.normal(size=people)[table["person"]] * table["x"]
    if family == "gaussian":
        table["y"] = eta + rng.normal(size=len(table))
    elif family == "binomial":
        table["y"] = rng.binomial(1, 1 / (1 + np.exp(-eta)))
    else:
        table["y"] = rng.poisson(np.exp(0.5 * eta))
    table["person"], table["thing"] = "P" + table["person"].astype(str), "T" + table["thing"].astype(str)
    random = "(1 + x | person)" if slope else "(1 | person)"
    return f"y ~ arm + x + {random} + (1 | thing)", table, family
