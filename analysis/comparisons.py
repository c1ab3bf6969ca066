"""Comparisons beyond single contrasts: nested models, equivalence, and standardised differences."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import ndtr, stdtr

from analysis.mixed.errors import ModelError
from analysis.mixed.fit import fit_model
from analysis.mixed.result import MixedResult
from analysis.mixed.tables import quantile
from analysis.mixed.variables import Floats


@dataclass(frozen=True)
class LikelihoodRatio:
    """Twice the gain in log-likelihood, its degrees of freedom and p; `note` says what p leans on."""

    statistic: float
    df: int
    p: float
    note: str = ""


def likelihood_ratio(small: MixedResult, large: MixedResult) -> LikelihoodRatio:
    """Likelihood-ratio test of a model nested in another, fitted to the same rows.

    Models fitted by REML are refitted by maximum likelihood first, as lme4's anova does. Raises ModelError
    when rows, outcome or family differ, or `large` has no more parameters than `small`."""
    _check_nested(small, large)
    small, large = by_maximum_likelihood(small), by_maximum_likelihood(large)
    df = large.parameters - small.parameters
    statistic = max(0.0, 2.0 * (large.log_likelihood - small.log_likelihood))
    variances = len(large.random) > len(small.random)
    note = (
        "a variance is tested at its boundary: p is conservative (about twice too large for one)"
        if variances
        else ""
    )
    return LikelihoodRatio(statistic, df, float(stats.chi2.sf(statistic, df)), note)


def by_maximum_likelihood(result: MixedResult) -> MixedResult:
    """The same model by ML where it was fitted by REML; unchanged otherwise."""
    if not (result.model.reml and result.model.design.groupings):
        return result
    df = "satterthwaite" if result.model.df == "kenward-roger" else result.model.df
    return fit_model(replace(result.model, reml=False, df=df))


def _check_nested(small: MixedResult, large: MixedResult) -> None:
    one, other = small.model, large.model
    if (one.family, one.link) != (other.family, other.link):
        raise ModelError(
            "the two models have different families; a likelihood ratio compares models of one family"
        )
    if one.design.response.text != other.design.response.text:
        raise ModelError(
            f"the two models have different outcomes ({one.design.response.text} and {other.design.response.text})"
        )
    if not one.design.frame.index.equals(other.design.frame.index) or not np.array_equal(
        one.design.response.y, other.design.response.y
    ):
        raise ModelError(
            f"the two models were fitted to different rows ({small.n} and {large.n}): leave rows with missing "
            "values out of both first"
        )
    if large.parameters <= small.parameters:
        raise ModelError(
            "the second model has no more parameters than the first; give the smaller model first"
        )


def equivalence(contrast: pd.DataFrame, low: float, high: float, *, alpha: float = 0.05) -> pd.DataFrame:
    """Two one-sided tests (Schuirmann 1987): is each contrast inside (low, high)?

    contrast: a table with estimate, se, df. Adds p_low (H0: ≤ low), p_high (H0: ≥ high), p (the larger),
    equivalent (p < alpha), and the 1 − 2·alpha interval that lies inside the bounds exactly then."""
    if not low < high:
        raise ModelError(f"the lower bound of equivalence ({low:g}) must lie below the upper one ({high:g})")
    if not 0 < alpha < 0.5:
        raise ModelError(f"alpha is {alpha}: give a share between 0 and 0.5")
    absent = [c for c in ("estimate", "se", "df") if c not in contrast]
    if absent:
        raise ModelError(f"column '{absent[0]}' is not in the table of contrasts")
    estimate, se, df = (contrast[c].to_numpy(dtype=np.float64) for c in ("estimate", "se", "df"))
    p_low, p_high = upper_tail((estimate - low) / se, df), upper_tail((high - estimate) / se, df)
    p, half = np.maximum(p_low, p_high), quantile(df, 1.0 - 2.0 * alpha) * se
    return contrast.assign(
        p_low=p_low, p_high=p_high, p=p, equivalent=p < alpha, low=estimate - half, high=estimate + half
    )


def upper_tail(statistic: Floats, df: Floats) -> Floats:
    """P(T > statistic), T a t variable with df degrees of freedom, or normal where they are infinite."""
    finite = np.isfinite(df)
    t = stdtr(np.where(finite, df, 1.0), -statistic)
    return np.asarray(np.where(finite, t, ndtr(-statistic)))


def standardised(contrast: pd.DataFrame, result: MixedResult, *, level: float = 0.95) -> pd.DataFrame:
    """Standardised differences of link-scale contrasts, with intervals: columns contrast, d, se, low, high.

    Linear models: the difference over the total standard deviation (residual and random intercepts;
    Westfall, Kenny & Judd 2014), its error allowing for the estimated deviation as emmeans' eff_size does.
    Logistic and cumulative models: log odds times √3/π; probit models: the difference itself."""
    estimate, se, df = (contrast[c].to_numpy(dtype=np.float64) for c in ("estimate", "se", "df"))
    if result.family == "poisson":
        raise ModelError("a poisson model has no standardised difference; report the ratio of means")
    if result.family == "gaussian":
        total = total_sd(result)
        smallest = min([result.n - len(result.fixed), *(size - 1 for size in _counted(result))])
        d = estimate / total
        error = np.sqrt((se / total) ** 2 + d**2 / (2.0 * max(smallest, 1)))
    else:
        factor = 1.0 if result.model.link == "probit" else np.sqrt(3.0) / np.pi
        d, error = estimate * factor, se * factor
    half = quantile(df, level) * error
    kept = [c for c in contrast.columns if c not in _NUMBERS]
    return contrast[kept].assign(d=d, se=error, low=d - half, high=d + half)


_NUMBERS = {"estimate", "se", "df", "statistic", "p", "low", "high", "ratio", "ratio_low", "ratio_high"}


def _counted(result: MixedResult) -> list[int]:
    """Levels of the groupings whose intercepts make up most of the random variance (a tenth of the total or more)."""
    total = total_sd(result) ** 2
    table = result.random[(result.random["term"] == "(Intercept)") & (result.random["sd"] ** 2 > 0.1 * total)]
    return [result.groups[name] for name in table["group"]]


def total_sd(result: MixedResult) -> float:
    """Standard deviation of one observation around its fixed part: residual and random intercepts."""
    intercepts = result.random[result.random["term"] == "(Intercept)"]["sd"].to_numpy(dtype=np.float64)
    return float(np.sqrt(result.residual_sd**2 + (intercepts**2).sum()))
