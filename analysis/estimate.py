"""One number with its uncertainty: what every measure of this package returns."""

from dataclasses import dataclass
from math import isfinite, nan
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import beta
from scipy.stats import t as student

Floats = NDArray[np.float64]
Scale = Literal["logit", "linear"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard error and interval.

    value, se, low, high: in the unit of the measure; nan where it is not available, never 0.
    n: the trials (or people) the value rests on. clusters: the participants among them.
    missing: how many could not be used because the measure is undefined or an answer is absent.
    note: in words, why something is not available or how the interval was made when not as usual.
    """

    value: float
    se: float
    low: float
    high: float
    n: int
    clusters: int
    missing: int = 0
    note: str = ""

    @classmethod
    def unavailable(cls, reason: str, *, n: int = 0, clusters: int = 0, missing: int = 0) -> Self:
        """A measure that has no value here; `reason` says why."""
        return cls(nan, nan, nan, nan, n, clusters, missing, reason)

    @property
    def available(self) -> bool:
        return isfinite(self.value)

    def as_row(self) -> dict[str, Any]:
        """The estimate as one row of a tidy table."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def check_level(level: float) -> float:
    """The confidence level, between 0 and 1; a percentage is refused."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}: give a share between 0 and 1, such as 0.95")
    return level


def ratio_estimate(
    numerator: Floats,
    denominator: Floats,
    *,
    level: float = 0.95,
    missing: int = 0,
    proportion: bool = True,
    scale: Scale = "logit",
) -> Estimate:
    """Sum of numerators over sum of denominators, with errors that allow for clusters.

    numerator, denominator: one sum per participant, shape (participants,); a participant whose
    denominator is 0 does not count. The standard error is the cluster-robust one (CR1), equal to that of
    an intercept-only regression on the trials; t with clusters - 1 degrees of freedom. The interval of a
    proportion is made on the logit scale (delta method), where it stays inside 0..1 and covers better near
    the ends, or on the linear scale as value plus or minus t times se. Where every answer is alike there is
    no variation to estimate from: se is missing and the interval is Clopper and Pearson's with participants
    as the sample size.
    """
    check_level(level)
    used = denominator > 0
    total = float(denominator.sum())
    clusters = int(used.sum())
    if clusters == 0:
        return Estimate.unavailable("no trial enters the denominator", missing=missing)
    value = float(numerator.sum()) / total
    n = round(total)
    if clusters < 2:
        note = "one participant: no interval can be given"
        return Estimate(value, nan, nan, nan, n, clusters, missing, note)
    scores = (numerator[used] - value * denominator[used]) / total
    se = float(np.sqrt(clusters / (clusters - 1) * np.sum(scores**2)))
    if se <= 1e-12 * max(1.0, abs(value)):
        return _without_variation(value, n, clusters, missing, level, proportion)
    low, high = _t_interval(value, se, clusters - 1, level, proportion and scale == "logit")
    return Estimate(value, se, low, high, n, clusters, missing)


def linear_estimate(
    value: float, scores: Floats, *, n: int, level: float = 0.95, missing: int = 0, note: str = ""
) -> Estimate:
    """A smooth function of sums, with the variance of its linearisation.

    scores: each participant's contribution (gradient times their sums), shape (participants,).
    """
    check_level(level)
    clusters = len(scores)
    if clusters < 2:
        return Estimate(
            value, nan, nan, nan, n, clusters, missing, "one participant: no interval can be given"
        )
    se = float(np.sqrt(clusters / (clusters - 1) * np.sum((scores - scores.mean()) ** 2)))
    low, high = _t_interval(value, se, clusters - 1, level, False)
    return Estimate(value, se, low, high, n, clusters, missing, note)


def _t_interval(value: float, se: float, df: int, level: float, logit_scale: bool) -> tuple[float, float]:
    half = float(student.ppf((1 + level) / 2, df)) * se
    if not logit_scale or not 0 < value < 1:
        return value - half, value + half
    centre, half = logit(value), half / (value * (1 - value))
    return float(expit(centre - half)), float(expit(centre + half))


def _without_variation(
    value: float, n: int, clusters: int, missing: int, level: float, proportion: bool
) -> Estimate:
    if not proportion or value not in (0.0, 1.0):
        note = "every participant has the same value: no standard error can be estimated"
        return Estimate(value, nan, nan, nan, n, clusters, missing, note)
    tail = (1 - level) / 2
    hits = clusters if value == 1.0 else 0
    low = float(beta.ppf(tail, hits, clusters - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, clusters - hits)) if not hits else 1.0
    note = "every answer is alike: Clopper-Pearson interval with participants as the sample size"
    return Estimate(value, nan, low, high, n, clusters, missing, note)
