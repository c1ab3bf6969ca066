"""Several tests at once: adjusted p-values and the interval widths that go with them."""

from __future__ import annotations

import numpy as np
from scipy import stats

from analysis.mixed.errors import ModelError
from analysis.mixed.tables import quantile
from analysis.mixed.variables import Floats

METHODS = ("holm", "none", "bonferroni", "sidak", "fdr", "tukey")


def adjusted_p(
    p: Floats, method: str, *, statistic: Floats | None = None, df: Floats | None = None, means: int = 0
) -> Floats:
    """p-values of one family, adjusted; nan stays nan and does not count.

    holm (Holm 1979), bonferroni, sidak, fdr (Benjamini & Hochberg 1995), none; tukey needs the statistics,
    their df and the number of means compared pairwise."""
    if method not in METHODS:
        raise ModelError(f"adjust {method!r} is not known; choose {', '.join(METHODS)}")
    p = np.asarray(p, dtype=np.float64)
    if ((p < 0) | (p > 1)).any():
        raise ModelError("p-values lie between 0 and 1")
    out = p.copy()
    known = np.isfinite(p)
    if method == "tukey":
        if statistic is None or df is None:
            raise ModelError("tukey needs the test statistics and their degrees of freedom")
        degrees = np.where(np.isfinite(df), df, 1e6)
        out[known] = stats.studentized_range.sf(np.sqrt(2) * np.abs(statistic[known]), means, degrees[known])
        return out
    out[known] = _adjust(p[known], method)
    return out


def _adjust(p: Floats, method: str) -> Floats:
    m = len(p)
    if method == "none" or m == 0:
        return p
    if method == "bonferroni":
        return np.minimum(1.0, m * p)
    if method == "sidak":
        return np.asarray(-np.expm1(m * np.log1p(-np.minimum(p, 1 - 1e-16))))
    order = np.argsort(p)
    out = np.empty(m)
    if method == "holm":
        out[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(m, 0, -1)))
        return out
    down = order[::-1]
    out[down] = np.minimum(1.0, np.minimum.accumulate(p[down] * m / np.arange(m, 0, -1)))
    return out


def critical_value(df: Floats, level: float, method: str, *, tests: int, means: int) -> Floats:
    """Half-width of an interval in standard errors; holm and fdr take Bonferroni's, as emmeans does."""
    if method == "none" or tests < 2:
        return quantile(df, level)
    if method == "tukey":
        degrees = np.where(np.isfinite(df), df, 1e6)
        return np.asarray(stats.studentized_range.ppf(level, means, degrees) / np.sqrt(2))
    share = level ** (1.0 / tests) if method == "sidak" else 1.0 - (1.0 - level) / tests
    return quantile(df, share)
