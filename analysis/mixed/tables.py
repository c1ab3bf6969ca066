"""Tables R users know: fixed effects with Wald tests, standard deviations and correlations of random effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from analysis.mixed.inference import DegreesOfFreedom
from analysis.mixed.parameters import Layout
from analysis.mixed.variables import Floats


def fixed_table(
    terms: tuple[str, ...], estimate: Floats, covariance: Floats, degrees: DegreesOfFreedom, level: float
) -> pd.DataFrame:
    """The table of fixed effects with Wald tests: t with the given df, z where they are infinite."""
    variance = np.diag(covariance)
    se = np.sqrt(np.where(variance >= 0, variance, np.nan))
    df = degrees(np.eye(len(terms)))
    statistic = np.divide(estimate, se, out=np.full(len(se), np.nan), where=se > 0)
    half = quantile(df, level) * se
    return pd.DataFrame(
        {
            "term": list(terms),
            "estimate": estimate,
            "se": se,
            "df": df,
            "statistic": statistic,
            "p": two_sided(statistic, df),
            "low": estimate - half,
            "high": estimate + half,
        }
    )


def two_sided(statistic: Floats, df: Floats) -> Floats:
    """Two-sided p of t statistics; infinite df is the normal distribution."""
    finite = np.isfinite(df)
    t = stdtr(np.where(finite, df, 1.0), -np.abs(statistic))
    return np.asarray(2.0 * np.where(finite, t, ndtr(-np.abs(statistic))))


def quantile(df: Floats, level: float) -> Floats:
    """The two-sided quantile of t, or of the normal where df is infinite."""
    finite = np.isfinite(df)
    t = stdtrit(np.where(finite, df, 1.0), 0.5 + level / 2)
    return np.asarray(np.where(finite, t, ndtri(0.5 + level / 2)))


def infinite(L: Floats) -> Floats:
    """Degrees of freedom of z tests."""
    return np.full(len(L), np.inf)


def random_table(layout: Layout, theta: Floats, spread: float) -> pd.DataFrame:
    """group, term, sd, correlations, in the formula's order; spread is σ for linear models, else 1."""
    rows = []
    for share, lam in zip(layout.shares, layout.natural(theta), strict=True):
        grouping = share.grouping
        S = lam @ lam.T * spread**2
        sd = np.sqrt(np.diag(S))
        for term in grouping.terms:
            for a, name in enumerate(term.names):
                i = term.start + a
                others = {
                    term.names[b]: float(S[i, term.start + b] / (sd[i] * sd[term.start + b]))
                    if sd[i] * sd[term.start + b] > 0
                    else float("nan")
                    for b in range(a)
                }
                rows.append(
                    {"group": grouping.name, "term": name, "sd": float(sd[i]), "correlations": others}
                )
    return pd.DataFrame(rows, columns=["group", "term", "sd", "correlations"])
