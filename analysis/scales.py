"""Scale scores from rating items, with reverse coding, and how reliable they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import f as fisher
from scipy.stats import norm

from analysis.bootstrap import bca_interval, check_rng, counts
from analysis.estimate import Estimate, Floats, check_level
from analysis.frames import numbers, require


@dataclass(frozen=True, slots=True)
class Reliability:
    """Internal consistency of a scale: Cronbach's alpha and McDonald's omega, and alpha without each item."""

    alpha: Estimate
    omega: Estimate
    without: pd.DataFrame


def scale_scores(
    responses: pd.DataFrame,
    items: Sequence[str],
    *,
    low: float,
    high: float,
    reverse: Sequence[str] = (),
    answered: int | None = None,
) -> pd.Series:
    """Mean rating of each row over the items, those in `reverse` turned round (low + high - rating).

    responses: one row per participant, one numeric column per item with ratings from low to high. A score
    needs at least `answered` items (all of them by default) and is nan otherwise, the mean being over the
    items answered. Unit: that of the ratings. Raises ValueError naming the column for ratings outside the
    scale, text, or a reversed item that is not of the scale.
    """
    ratings = _ratings(responses, items, low, high, reverse)
    needed = len(items) if answered is None else answered
    if not 1 <= needed <= len(items):
        raise ValueError(f"answered is {answered}: a number from 1 to {len(items)} is needed")
    return ratings.mean(axis=1).where(ratings.notna().sum(axis=1) >= needed).rename("score")


def reliability(
    responses: pd.DataFrame,
    items: Sequence[str],
    *,
    low: float,
    high: float,
    reverse: Sequence[str] = (),
    level: float = 0.95,
    rng: np.random.Generator | None = None,
    replicates: int = 1000,
) -> Reliability:
    """Alpha and omega of a scale, from the rows that answered every item (the others are counted).

    alpha: k/(k-1) (1 - sum of item variances / variance of the sum), interval of Feldt (1965), exact for
    normal items. omega (McDonald's total): squared sum of loadings over it plus the sum of unique
    variances, loadings of one factor by maximum likelihood on the covariances; needs three items; interval
    by bootstrap over participants (with `rng`), otherwise on the logit scale by the delta method, free of
    the ratings' distribution (Maydeu-Olivares, Coffman & Hartmann 2007). Raises ValueError for fewer than
    two items or three complete rows, and for an item, or a sum of all of them, that does not vary.
    """
    check_level(level)
    ratings = _ratings(responses, items, low, high, reverse)
    if len(items) < 2:
        raise ValueError(f"items holds {len(items)} item: internal consistency needs at least two")
    complete = ratings.dropna()
    missing = len(ratings) - len(complete)
    if len(complete) < 3:
        raise ValueError(f"items: only {len(complete)} rows answered all of them, at least three are needed")
    for name in items:
        if complete[name].nunique() == 1:
            raise ValueError(f"column '{name}' has the same rating in every row: it tells nobody apart")
    if complete.sum(axis=1).nunique() == 1:
        raise ValueError("items: their sum is the same in every row: it tells nobody apart")
    values = complete.to_numpy(dtype=np.float64)
    return Reliability(
        _alpha_estimate(values, level, missing),
        _omega_estimate(values, level, missing, rng, replicates),
        _without_each(values, items),
    )


def _ratings(
    responses: pd.DataFrame, items: Sequence[str], low: float, high: float, reverse: Sequence[str]
) -> pd.DataFrame:
    if isinstance(items, str) or not items:
        raise ValueError("items must be a list of column names, not empty")
    if len(set(items)) != len(items):
        raise ValueError("items names a column twice")
    if not low < high:
        raise ValueError(f"low is {low} and high {high}: the scale needs low below high")
    for name in reverse:
        if name not in items:
            raise ValueError(f"reverse: '{name}' is not an item of the scale ({', '.join(items)})")
    require(responses, items, "responses")
    ratings = pd.DataFrame({name: numbers(responses, name, low, high) for name in items})
    for name in reverse:
        ratings[name] = low + high - ratings[name]
    return ratings


def alpha_of(covariance: Floats) -> float:
    """Cronbach's alpha from the items' covariances, shape (items, items); nan where the items' sum does not vary."""
    items, own, whole = len(covariance), np.trace(covariance), covariance.sum()
    if whole <= 1e-12 * own:
        return nan
    return float(items / (items - 1) * (1 - own / whole))


def omega_of(covariance: Floats, near: tuple[Floats, Floats] | None = None) -> float:
    """McDonald's omega total of one factor, fitted by maximum likelihood; nan with fewer than three items."""
    if len(covariance) < 3:
        return nan
    loadings, unique = one_factor(covariance, near)
    common = loadings.sum() ** 2
    return float(common / (common + unique.sum()))


def one_factor(covariance: Floats, near: tuple[Floats, Floats] | None = None) -> tuple[Floats, Floats]:
    """Loadings and unique variances of one factor by maximum likelihood, shape (items,) each.

    near: those of covariances close by, to start from. Minimises ln det(S) + trace(C S^-1) over
    S = loadings loadings' + diag(unique), on standardised items, unique variances kept above 0.005 of an
    item's variance (Heywood cases end there).
    """
    spread = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(spread, spread)
    start = np.linalg.eigh(correlation)
    first = start.eigenvectors[:, -1] * np.sqrt(max(start.eigenvalues[-1] - 0.5, 0.1))
    first = np.clip(first * np.sign(first.sum() or 1.0), -0.95, 0.95)

    def discrepancy(parameters: Floats) -> tuple[float, Floats]:
        loadings, unique = np.split(parameters, 2)
        scaled = loadings / unique
        inner = 1 + loadings @ scaled
        inverse = np.diag(1 / unique) - np.outer(scaled, scaled) / inner
        value = np.log(unique).sum() + np.log(inner) + np.sum(inverse * correlation)
        slope = inverse - inverse @ correlation @ inverse
        return float(value), np.concatenate([2 * slope @ loadings, np.diag(slope)])

    items = len(correlation)
    bounds = [(None, None)] * items + [(0.005, None)] * items
    begin = np.concatenate([first, np.clip(1 - first**2, 0.05, None)])
    if near is not None:
        begin = np.concatenate([near[0] / spread, np.clip(near[1] / spread**2, 0.005, None)])
    found = minimize(
        discrepancy, begin, jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9}
    )
    loadings, unique = np.split(found.x, 2)
    return loadings * spread, unique * spread**2


def _alpha_estimate(values: Floats, level: float, missing: int) -> Estimate:
    rows, items = values.shape
    alpha = alpha_of(np.cov(values, rowvar=False))
    first, second = rows - 1, (rows - 1) * (items - 1)
    low = 1 - (1 - alpha) * float(fisher.ppf((1 + level) / 2, first, second))
    high = 1 - (1 - alpha) * float(fisher.ppf((1 - level) / 2, first, second))
    return Estimate(alpha, nan, low, high, rows, rows, missing, "interval of Feldt (1965)")


def _omega_estimate(
    values: Floats, level: float, missing: int, rng: np.random.Generator | None, replicates: int
) -> Estimate:
    rows, items = values.shape
    if items < 3:
        reason = "not available: one factor behind two items is not identified"
        return Estimate.unavailable(reason, n=rows, clusters=rows, missing=missing)
    omega = omega_of(np.cov(values, rowvar=False))
    if rng is None:
        return _omega_by_delta(values, omega, level, missing)
    check_rng(rng)
    drawn = np.array(
        [_weighted_omega(values, draw) for block in counts(rows, replicates, rng) for draw in block]
    )
    without = np.array([_weighted_omega(values, 1.0 - (np.arange(rows) == row)) for row in range(rows)])
    found = bca_interval(omega, drawn, without, clusters=rows, level=level)
    return Estimate(
        omega, found.se, found.low, found.high, rows, rows, missing, "bootstrap over participants"
    )


def _omega_by_delta(values: Floats, omega: float, level: float, missing: int) -> Estimate:
    """Error of omega from its slopes in the covariances and the products of deviations, a row a participant."""
    rows, items = values.shape
    deviation = values - values.mean(axis=0)
    covariance = np.cov(values, rowvar=False)
    near = one_factor(covariance)
    influence = np.zeros(rows)
    for i in range(items):
        for j in range(i, items):
            step = np.zeros_like(covariance)
            step[i, j] = step[j, i] = 1e-4 * np.sqrt(covariance[i, i] * covariance[j, j])
            up, down = (omega_of(covariance + sign * step, near) for sign in (1, -1))
            influence += (
                (up - down) / (2 * step[i, j]) * (deviation[:, i] * deviation[:, j] - covariance[i, j])
            )
    se = float(np.sqrt(influence @ influence) / rows)
    how = "delta method, free of the ratings' distribution"
    if not 0 < omega < 1:
        return Estimate(omega, se, nan, nan, rows, rows, missing, f"{how}; no interval outside 0 to 1")
    half = float(norm.ppf((1 + level) / 2)) * se / (omega * (1 - omega))
    low, high = (float(expit(logit(omega) + sign * half)) for sign in (-1, 1))
    return Estimate(omega, se, low, high, rows, rows, missing, how)


def _weighted_omega(values: Floats, weights: Floats) -> float:
    covariance = np.cov(values, rowvar=False, fweights=weights.astype(np.int64))
    return nan if (np.diag(covariance) <= 0).any() else omega_of(covariance)


def _without_each(values: Floats, items: Sequence[str]) -> pd.DataFrame:
    """Alpha of the scale without each item, and the item's correlation with the rest."""
    rows = []
    for number, name in enumerate(items):
        rest = np.delete(values, number, axis=1)
        total = rest.sum(axis=1)
        alpha = alpha_of(np.cov(rest, rowvar=False)) if len(items) > 2 else nan
        together = float(np.corrcoef(values[:, number], total)[0, 1]) if np.ptp(total) > 0 else nan
        rows.append({"item": name, "alpha_without": alpha, "correlation_with_rest": together})
    return pd.DataFrame(rows)
