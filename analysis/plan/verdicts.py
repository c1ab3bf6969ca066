"""From an estimate to a verdict: a total function, the same for every study.

A direction (`<`, `<=`, `>`, `>=`) is tested two-sided against `value`: significant on the side it names is supported,
significant on the other side is contradicted, anything else is inconclusive. Equivalence is tested by two one-sided
tests (Schuirmann 1987): both significant is supported; an interval wholly outside the bounds, at a level shared over
the family (Bonferroni), is contradicted. p-values are adjusted by Holm (1979) within the declared family before they
are compared with alpha. An estimate without a standard error is not evaluable. Never a p-value of its own making:
z where the estimate has no degrees of freedom, else t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np
from scipy import stats

from analysis.adjust import adjusted_p
from analysis.plan.results import Quantity, Verdict
from analysis.plan.types import Criterion


@dataclass(frozen=True)
class Judged:
    """A verdict and the sentence that explains it."""

    verdict: Verdict
    reason: str


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment over those that are present; a missing p stays missing and does not count."""
    adjusted = adjusted_p(np.array([np.nan if value is None else value for value in p]), "holm")
    return [None if value is None else float(found) for value, found in zip(p, adjusted, strict=True)]


def p_value(estimate: Quantity, criterion: Criterion) -> float | None:
    """The p that enters the family: two-sided against `value`, or the larger of two one-sided tests."""
    if not estimate.testable or estimate.value is None or estimate.se is None:
        return None
    bounds = criterion.bounds
    if bounds is None:
        return 2 * _tail(abs(estimate.value - criterion.value) / estimate.se, estimate.df)
    low, high = bounds
    above = _tail((estimate.value - low) / estimate.se, estimate.df)
    below = _tail((high - estimate.value) / estimate.se, estimate.df)
    return max(above, below)


def _tail(statistic: float, df: float | None) -> float:
    if df is None or not isfinite(df):
        return float(stats.norm.sf(statistic))
    return float(stats.t.sf(statistic, df))


def interval(estimate: Quantity, level: float) -> tuple[float, float] | None:
    """The interval of an estimate at another level."""
    if not estimate.testable or estimate.value is None or estimate.se is None:
        return None
    df = estimate.df if estimate.df is not None and isfinite(estimate.df) else inf
    half = (
        float(stats.t.ppf((1 + level) / 2, df) if isfinite(df) else stats.norm.ppf((1 + level) / 2))
        * estimate.se
    )
    return estimate.value - half, estimate.value + half


def judge(
    estimate: Quantity, criterion: Criterion, *, alpha: float, p_adjusted: float | None, family_size: int = 1
) -> Judged:
    """The verdict on one hypothesis. p_adjusted: after adjustment; family_size: hypotheses it shares alpha with."""
    if not estimate.testable or p_adjusted is None or estimate.value is None:
        return Judged("not evaluable", estimate.note or "there is no estimate with a standard error")
    significant = p_adjusted < alpha
    if criterion.bounds is not None:
        return _equivalence(estimate, criterion.bounds, significant, alpha / max(family_size, 1))
    wanted_above = criterion.op in (">", ">=")
    is_above = estimate.value > criterion.value
    side = "above" if is_above else "below"
    told = f"the estimate is {side} {criterion.value:g}"
    if not significant:
        return Judged(
            "inconclusive", f"{told}, but a value on the other side is not ruled out at α = {alpha:g}"
        )
    if is_above == wanted_above:
        return Judged(
            "supported", f"{told}, as predicted, and the data rule out the other side at α = {alpha:g}"
        )
    return Judged(
        "contradicted",
        f"{told}, against the prediction; the data rule out the other side at α = {alpha:g}",
    )


def _equivalence(estimate: Quantity, bounds: tuple[float, float], significant: bool, alpha: float) -> Judged:
    low, high = bounds
    if significant:
        return Judged("supported", f"both one-sided tests place the estimate between {low:g} and {high:g}")
    outer = interval(estimate, 1 - alpha)
    if outer is not None and (outer[0] > high or outer[1] < low):
        return Judged("contradicted", f"the whole interval lies outside {low:g} to {high:g}")
    return Judged("inconclusive", f"the data do not settle whether it lies between {low:g} and {high:g}")
