"""Does an effect differ along a rating scale? Exploration by shrinking towards proportional odds.

After PRESTO (Faletto and Bien, "Predicting Rare Events by Shrinking Towards Proportional Odds", ICML 2023):
a cumulative logit in which every threshold has effects of its own, with an L1 penalty on the change from one
threshold to the next, its strength chosen by cross-validation over participants. Here the changes alone are
penalised, not the first effects, so that the strongest penalty gives the ordinary proportional-odds fit.
Choosing by cross-validation has no honest p-value: results are exploratory and stamped so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from analysis.bootstrap import check_rng
from analysis.estimate import Floats
from analysis.frames import complete, require
from analysis.partial_odds import SMALLEST, Problem, category_probabilities, fit, slopes

STAMP = "exploratory: chosen by cross-validation on these data, to be confirmed on others"


@dataclass(frozen=True)
class Presto:
    """Effects along the scale.

    effects: term, threshold ("1|2"), estimate in log odds of a higher rating per unit of the predictor, and
    whether it changes from the threshold before. thresholds: threshold, estimate. path: penalty, loss (mean
    held-out log-loss), se, changes (how many). penalty: the chosen one. proportional: whether no effect
    changes along the scale. stamp: always says exploratory.
    """

    effects: pd.DataFrame
    thresholds: pd.DataFrame
    path: pd.DataFrame
    penalty: float
    proportional: bool
    converged: bool
    stamp: str = STAMP


def presto(
    data: pd.DataFrame,
    response: str,
    predictors: Sequence[str],
    *,
    participant: str = "participant",
    rng: np.random.Generator,
    folds: int = 5,
    penalties: Sequence[float] | None = None,
    one_se: bool = True,
    progress: bool = False,
) -> Presto:
    """Partial proportional odds, the penalty chosen by cross-validation over participants.

    data: one row per rating. response: ordered ratings (numbers, or an ordered categorical). predictors:
    numbers, or labels (then compared with the first in sorted order, named column + label as in R). Rows of a
    participant stay in one fold. Predictors are scaled to unit standard deviation for the penalty; effects
    are given per unit. one_se: the strongest penalty within one standard error of the best, which keeps
    proportional odds unless the data speak against it; False takes the best. penalties: instead of a path of
    30 from the smallest that gives proportional odds down to a thousandth of it.
    Raises ValueError naming the column and reason.
    """
    check_rng(rng)
    require(data, [response, participant, *predictors], "data")
    if not predictors:
        raise ValueError("predictors is empty: at least one effect is needed")
    for name in (response, participant, *predictors):
        complete(data, name)
    x, terms = _design(data, predictors)
    y, labels = _ratings(data[response], response)
    people = pd.factorize(data[participant])[0]
    spread = x.std(axis=0)
    problem = Problem((x - x.mean(axis=0)) / spread, y, len(labels) - 1)
    path = _path(problem) if penalties is None else _checked(penalties)
    losses = _held_out(problem, people, path, folds, rng, progress)
    chosen = _choose(losses, one_se)
    fits, start = [], None
    for penalty in path:
        found, start = fit(problem, penalty, start)
        fits.append(found)
    best = fits[chosen]
    effects = best.effects / spread
    thresholds = best.thresholds + effects @ x.mean(axis=0)
    names = [f"{low}|{high}" for low, high in pairwise(labels)]
    return Presto(
        _effects_table(effects, terms, names),
        pd.DataFrame({"threshold": names, "estimate": thresholds}),
        pd.DataFrame(
            {
                "penalty": path,
                "loss": losses.mean(axis=0),
                "se": losses.std(axis=0, ddof=1) / np.sqrt(len(losses)),
                "changes": [_changes(found.effects) for found in fits],
            }
        ),
        float(path[chosen]),
        _changes(best.effects) == 0,
        best.converged,
    )


def _design(data: pd.DataFrame, predictors: Sequence[str]) -> tuple[Floats, list[str]]:
    columns: dict[str, Floats] = {}
    for name in predictors:
        values = data[name]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            columns[name] = values.to_numpy(dtype=np.float64)
            continue
        levels = sorted(values.unique(), key=str)
        for level in levels[1:]:
            columns[f"{name}{level}"] = (values == level).to_numpy(dtype=np.float64)
        if len(levels) == 1:
            raise ValueError(f"column '{name}' has only the value {levels[0]!r}: it can have no effect")
    x = np.column_stack(list(columns.values()))
    for name, column in columns.items():
        if not np.isfinite(column).all():
            raise ValueError(f"column '{name}' holds an infinite value")
        if np.ptp(column) == 0:
            raise ValueError(f"column '{name}' has only the value {column[0]:g}: it can have no effect")
    if np.linalg.matrix_rank(np.column_stack([np.ones(len(x)), x])) < x.shape[1] + 1:
        raise ValueError(
            f"predictors {', '.join(columns)} repeat one another: their effects cannot be told apart"
        )
    return x, list(columns)


def _ratings(values: pd.Series, name: str) -> tuple[NDArray[np.intp], list[Any]]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        if not values.cat.ordered:
            raise ValueError(f"column '{name}' is an unordered categorical: ratings need an order")
        labels = [label for label in values.cat.categories if (values == label).any()]
    elif pd.api.types.is_numeric_dtype(values):
        labels = [int(label) if float(label).is_integer() else label for label in np.sort(values.unique())]
    else:
        raise ValueError(
            f"column '{name}' holds text: make it an ordered categorical, so that its order is known"
        )
    if len(labels) < 3:
        raise ValueError(
            f"column '{name}' has {len(labels)} ratings: effects along a scale need at least three"
        )
    if len(labels) > 20:
        raise ValueError(
            f"column '{name}' has {len(labels)} different values: more than 20 are no rating scale"
        )
    code = {label: number for number, label in enumerate(labels)}
    return np.array([code[value] for value in values], dtype=np.intp), labels


def _path(problem: Problem) -> Floats:
    """From the smallest penalty at which no effect changes down to a thousandth of it."""
    _, parameters = fit(problem, np.inf)
    gradient, _ = slopes(problem, parameters)
    top = float(np.abs(gradient[problem.first_change :]).max()) * 1.0001
    path: Floats = np.geomspace(max(top, 1e-6), max(top, 1e-6) / 1000, 30)
    return path


def _checked(penalties: Sequence[float]) -> Floats:
    path: Floats = np.sort(np.asarray(penalties, dtype=np.float64))[::-1]
    if len(path) == 0 or not (path >= 0).all():
        raise ValueError("penalties must be numbers from 0 on, at least one")
    return path


def _held_out(
    problem: Problem,
    people: NDArray[np.intp],
    path: Floats,
    folds: int,
    rng: np.random.Generator,
    progress: bool,
) -> Floats:
    """Mean log-loss of each held-out fold at each penalty, shape (folds, penalties)."""
    count = int(people.max()) + 1
    if not 2 <= folds <= count:
        raise ValueError(f"folds is {folds}: from 2 to the number of participants ({count})")
    fold_of = rng.permutation(np.arange(count) % folds)[people]
    if any(len(np.unique(problem.y[fold_of != fold])) <= problem.cuts for fold in range(folds)):
        raise ValueError(
            f"a rating is so rare that one of {folds} folds holds all of it: merge it with another"
        )
    losses = np.empty((folds, len(path)))
    for fold in tqdm(range(folds), desc="cross-validation", disable=not progress):
        inside = fold_of != fold
        part, start = Problem(problem.x[inside], problem.y[inside], problem.cuts), None
        for number, penalty in enumerate(path):
            found, start = fit(part, penalty, start)
            probability = category_probabilities(found.thresholds, found.effects, problem.x[~inside])
            given = probability[np.arange(int((~inside).sum())), problem.y[~inside]]
            losses[fold, number] = -np.log(np.maximum(given, SMALLEST)).mean()
    return losses


def _choose(losses: Floats, one_se: bool) -> int:
    mean = losses.mean(axis=0)
    best = int(np.argmin(mean))
    if not one_se:
        return best
    margin = losses[:, best].std(ddof=1) / np.sqrt(len(losses))
    return int(np.flatnonzero(mean <= mean[best] + margin)[0])


def _changes(effects: Floats) -> int:
    return int((np.abs(np.diff(effects, axis=0)) > 1e-9).sum())


def _effects_table(effects: Floats, terms: list[str], names: list[str]) -> pd.DataFrame:
    rows = [
        {
            "term": term,
            "threshold": name,
            "estimate": effects[cut, column],
            "changes": cut > 0 and abs(effects[cut, column] - effects[cut - 1, column]) > 1e-9,
        }
        for column, term in enumerate(terms)
        for cut, name in enumerate(names)
    ]
    return pd.DataFrame(rows)
