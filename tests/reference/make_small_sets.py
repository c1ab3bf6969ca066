"""Draw the small, lopsided and often nearly singular sets of small_sets.csv.gz and the list of models to fit to them.

Run in this folder, before make_small_sets.R: `python make_small_sets.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

CROSSED = ("y ~ x + arm + (1|p) + (1|i)", "y ~ x + arm + (1+x|p) + (1|i)", "y ~ x + (1+x||p) + (1|i)")
ORDINAL = ("y ~ x + arm + (1|p) + (1|i)", "y ~ x + arm + (1+x|p)", "y ~ x + arm + (1|p)")
FAMILIES = ("gaussian", "binomial", "ordinal", "poisson")


def draw(number: int) -> tuple[pd.DataFrame, dict[str, object]]:
    """One set and its model; variances are zero, tiny or large by chance."""
    rng = np.random.default_rng(1000 + number)
    family = FAMILIES[number % 4]
    people, items = int(rng.integers(6, 26)), int(rng.integers(3, 8))
    rows = [(p, i) for p in range(people) for i in range(items) for _ in range(2) if rng.random() < 0.8]
    table = pd.DataFrame(rows, columns=["p", "i"])
    table["x"], table["arm"] = rng.integers(0, 2, len(table)), table["p"] % 2
    sd = rng.choice([0, 0.05, 0.15, 0.6, 1.5], 3)
    eta = 0.3 * table["x"] - 0.3 * table["arm"]
    eta = eta + sd[0] * rng.normal(size=people)[table["p"]] + sd[1] * rng.normal(size=items)[table["i"]]
    eta = eta + sd[2] * rng.normal(size=people)[table["p"]] * table["x"]
    if family == "gaussian":
        table["y"] = eta + rng.normal(size=len(table))
    elif family == "binomial":
        table["y"] = rng.binomial(1, 1 / (1 + np.exp(-eta)))
    elif family == "poisson":
        table["y"] = rng.poisson(np.exp(0.5 * eta))
    else:
        table["y"] = np.digitize(eta + rng.logistic(size=len(table)), [-1, 0, 1.2]) + 1
    formula = (ORDINAL if family == "ordinal" else CROSSED)[(number // 4) % 3]
    return table.assign(set=number), {"set": number, "formula": formula, "family": family}


if __name__ == "__main__":
    drawn = [draw(number) for number in range(72)]
    pd.concat([table for table, _ in drawn]).to_csv("small_sets.csv.gz", index=False)
    Path("small_sets.spec.json").write_text(json.dumps([spec for _, spec in drawn], indent=0) + "\n")
