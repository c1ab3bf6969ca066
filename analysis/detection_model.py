"""d' and c from a probit mixed model: people and items differ, and nobody's few trials are corrected by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from analysis.answers import NOTHING, read_answers
from analysis.estimate import Floats, check_level
from analysis.frames import complete, group_columns
from analysis.mixed import MixedResult, fit_mixed

FORMULA = "agree ~ 0 + cell + (1 | participant) + (1 | item)"


@dataclass(frozen=True)
class DetectionModel:
    """`table`: d_prime and criterion of each group; `differences`: of each pair of groups; the model itself."""

    table: pd.DataFrame
    differences: pd.DataFrame
    model: MixedResult = field(repr=False)


def detection_model(
    trials: pd.DataFrame, by: str | None = None, *, level: float = 0.95, no_verdict: Sequence[object] = ()
) -> DetectionModel:
    """d' and c per group from P(agree) = Phi(cell + participant + item), by Laplace (`fit_mixed`, probit).

    trials: as for `reliance`. A cell is a group with right or with wrong advice; d' is the difference of its
    two cells, c minus their mean: values for a typical person and item, larger than pooled ones, which are
    averaged over people. Errors come from the model's covariance. Whether advice is right is a property of the
    item, so the values of a group have t intervals with items - 2 degrees of freedom; differences between
    groups, which met the same items, have z intervals.
    table, differences: group (or first and second), measure, value, se, low, high, df, n, clusters, missing.
    Raises ValueError where advice is never right or never wrong in a group or there are fewer than 3 items.
    """
    check_level(level)
    names = group_columns(by, ("participant", "item", "truth", "advice", "initial", "final"))
    answers = read_answers(trials, names, no_verdict)
    labels = answers.labels
    if "advice" not in labels:
        raise ValueError("column 'advice' is missing: without advice there is nothing to detect")
    for name in names:
        complete(trials, name)
    used = np.all([labels[name] != NOTHING for name in ("truth", "advice", "final")], axis=0)
    right = labels["advice"] == labels["truth"]
    group = trials[by].astype(str).to_numpy(dtype=object) if by else np.full(len(trials), "all", dtype=object)
    data = pd.DataFrame(
        {
            "agree": (labels["advice"] == labels["final"]).astype(float),
            "cell": [
                f"{name}|{'right' if good else 'wrong'}" for name, good in zip(group, right, strict=True)
            ],
            "participant": trials["participant"].astype(str).to_numpy(dtype=object),
            "item": trials["item"].astype(str).to_numpy(dtype=object),
        }
    )[used]
    groups = sorted(set(group[used]))
    _both_kinds(groups, set(data["cell"]))
    items = data["item"].nunique()
    if items < 3:
        raise ValueError(
            f"column 'item' has {items} items: at least three are needed to tell them from advice"
        )
    model = fit_mixed(FORMULA, data, family="binomial", link="probit")
    facts = {"n": len(data), "clusters": data["participant"].nunique(), "missing": int((~used).sum())}
    return DetectionModel(
        _values(model, groups, by or "group", level, items - 2, facts),
        _pairs(model, groups, level, facts),
        model,
    )


def _both_kinds(groups: list[str], cells: set[str]) -> None:
    if not groups:
        raise ValueError("column 'advice' or 'final' is empty in every row")
    for name in groups:
        for kind in ("right", "wrong"):
            if f"{name}|{kind}" not in cells:
                raise ValueError(
                    f"column 'advice' is never {kind} in group '{name}': d' needs both kinds of advice"
                )


def _weights(model: MixedResult, group: str, measure: str) -> Floats:
    """The linear combination of the cells that is d' or c of a group."""
    right, wrong = (1.0, -1.0) if measure == "d_prime" else (-0.5, -0.5)
    terms = list(model.covariance.index)
    weights = np.zeros(len(terms))
    weights[terms.index(f"cell{group}|right")] = right
    weights[terms.index(f"cell{group}|wrong")] = wrong
    return weights


def _combine(model: MixedResult, weights: Floats, level: float, df: float) -> dict[str, float]:
    value = float(weights @ model.fixed["estimate"].to_numpy(dtype=np.float64))
    se = float(np.sqrt(weights @ model.covariance.to_numpy(dtype=np.float64) @ weights))
    reach = norm.ppf((1 + level) / 2) if np.isinf(df) else student.ppf((1 + level) / 2, df)
    return {"value": value, "se": se, "low": value - reach * se, "high": value + reach * se, "df": df}


def _values(
    model: MixedResult, groups: list[str], name: str, level: float, df: float, facts: dict[str, int]
) -> pd.DataFrame:
    rows = [
        {name: group, "measure": measure}
        | _combine(model, _weights(model, group, measure), level, df)
        | facts
        for group in groups
        for measure in ("d_prime", "criterion")
    ]
    return pd.DataFrame(rows)


def _pairs(model: MixedResult, groups: list[str], level: float, facts: dict[str, int]) -> pd.DataFrame:
    rows = []
    for first, second in combinations(groups, 2):
        for measure in ("d_prime", "criterion"):
            weights = _weights(model, second, measure) - _weights(model, first, measure)
            found = _combine(model, weights, level, np.inf)
            p = float(2 * norm.sf(abs(found["value"] / found["se"])))
            rows.append({"first": first, "second": second, "measure": measure} | found | {"p": p} | facts)
    return pd.DataFrame(rows)
