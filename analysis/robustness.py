"""Does a result lean on the model, or on flagged participants? (On a single one: `analysis.influence`.)

Population-averaged models (GEE, cluster-robust regression) stand beside the mixed model; their logistic
coefficients are smaller by nature (they average over people), so compare signs and tests, not sizes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import statsmodels.api as sm

from analysis.comparisons import by_maximum_likelihood, likelihood_ratio
from analysis.influence import Clusters, labels_of
from analysis.mixed.design import Design
from analysis.mixed.errors import ModelError
from analysis.mixed.families import make_family
from analysis.mixed.fit import fit_mixed
from analysis.mixed.plain import fit_plain
from analysis.mixed.result import MixedResult
from analysis.mixed.tables import fixed_table
from analysis.mixed.variables import Codes, Floats


def heteroscedastic(result: MixedResult, kind: str = "HC3") -> MixedResult:
    """The same least-squares fit with heteroscedasticity-consistent errors: HC3 (MacKinnon & White 1985) or HC2."""
    design = result.model.design
    if result.family != "gaussian" or design.groupings:
        raise ModelError(f"{kind} errors belong to linear models without random effects")
    if kind not in ("HC2", "HC3"):
        raise ModelError(f"errors {kind!r} are not known; choose HC2 or HC3")
    X, residual = design.X, design.response.y - design.X @ result.estimates
    inverse = np.linalg.inv(X.T @ X)
    free = 1.0 - np.einsum("ij,jk,ik->i", X, inverse, X)
    if (free < 1e-8).any():
        raise ModelError(
            f"{kind} errors are undefined: {int((free < 1e-8).sum())} rows determine an estimate alone"
        )
    scaled = X * (residual / (free if kind == "HC3" else np.sqrt(free)))[:, None]
    covariance = inverse @ (scaled.T @ scaled) @ inverse
    named = pd.DataFrame(covariance, index=result.covariance.index, columns=result.covariance.columns)
    table = fixed_table(design.terms, result.estimates, covariance, result.degrees, result.model.level)
    return replace(result, fixed=table, covariance=named)


def cluster_robust(result: MixedResult, cluster: Clusters = "participant") -> pd.DataFrame:
    """The fixed part fitted without random effects, errors robust to clusters (CR1), t on clusters − 1 df.

    Columns as `result.fixed`. For linear, logistic or probit, and Poisson models."""
    design, codes = result.model.design, _cluster_codes(result, cluster)
    fitted = _quietly(
        lambda: sm.GLM(_outcome(design), design.X, family=_sm_family(result)).fit(
            cov_type="cluster", cov_kwds={"groups": codes}, use_t=False
        )
    )
    return _table(result, fitted.params, fitted.cov_params(), float(codes.max()))


def gee(result: MixedResult, cluster: Clusters = "participant") -> pd.DataFrame:
    """Generalised estimating equations with exchangeable correlation inside clusters, robust errors, z tests.

    Columns as `result.fixed`. Rows of a cluster must not carry counts of several tries (cbind)."""
    design, codes = result.model.design, _cluster_codes(result, cluster)
    if (design.response.trials != 1).any():
        raise ModelError("GEE needs one try a row; spread successes and failures over rows first")
    fitted = _quietly(
        lambda: sm.GEE(
            design.response.y,
            design.X,
            groups=codes,
            family=_sm_family(result),
            cov_struct=sm.cov_struct.Exchangeable(),
        ).fit(start_params=_without_clusters(result))
    )
    return _table(result, fitted.params, fitted.cov_params(), np.inf)


def _without_clusters(result: MixedResult) -> Floats:
    """Estimates as if all rows were independent, where GEE starts: statsmodels' own take three times its memory."""
    design = result.model.design
    if result.family == "gaussian":
        return np.asarray(np.linalg.solve(design.X.T @ design.X, design.X.T @ design.response.y))
    return fit_plain(design.X, make_family(result.family, result.model.link, design.response))[0]


def _cluster_codes(result: MixedResult, cluster: Clusters) -> Codes:
    if result.separated:
        raise ModelError("the population-averaged model cannot be fitted: " + " ".join(result.warnings))
    labels = labels_of(result, cluster)
    codes = pd.factorize(labels)[0].astype(np.int64)
    if codes.max() < 2:
        raise ModelError(f"column '{labels.name}' has fewer than three clusters: robust errors need many")
    return codes


def _outcome(design: Design) -> Floats:
    response = design.response
    if (response.trials == 1).all():
        return response.y
    return np.column_stack([response.y, response.trials - response.y])


def _sm_family(result: MixedResult) -> object:
    if result.family == "ordinal":
        raise ModelError(
            "there is no cluster-robust cumulative-link model here; use the linear model of the rating"
        )
    if result.family == "gaussian":
        return sm.families.Gaussian()
    if result.family == "poisson":
        return sm.families.Poisson()
    link = sm.families.links.Probit() if result.model.link == "probit" else sm.families.links.Logit()
    return sm.families.Binomial(link=link)


class _Fitted:
    """What is used of a statsmodels result."""

    params: Floats

    def cov_params(self) -> Floats:
        raise NotImplementedError


def _quietly(fit: Callable[[], _Fitted]) -> _Fitted:
    """Run a statsmodels fit; its warnings become an error in words, for they mean separation or no convergence."""
    with warnings.catch_warnings(record=True) as heard, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            fitted = fit()
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            raise ModelError(f"the population-averaged model could not be fitted: {error}") from None
    serious = [
        str(w.message).splitlines()[0]
        for w in heard
        if "onverge" in str(w.message) or "eparation" in str(w.message)
    ]
    if serious or not np.isfinite(fitted.params).all():
        raise ModelError(
            f"the population-averaged model could not be fitted: {'; '.join(serious) or 'no finite estimate'}"
        )
    return fitted


def _table(result: MixedResult, params: Floats, covariance: Floats, df: float) -> pd.DataFrame:
    def degrees(L: Floats) -> Floats:
        return np.full(len(L), df)

    return fixed_table(
        result.model.design.terms, np.asarray(params), np.asarray(covariance), degrees, result.model.level
    )


def without_flagged(
    result: MixedResult,
    data: pd.DataFrame,
    flagged: Mapping[str, Collection[object]],
    *,
    column: str = "participant",
) -> pd.DataFrame:
    """The model with everybody, and again without each set of flagged participants.

    data: what `result` was fitted to. Columns: left_out (the set's name, '' for nobody), participants (how many
    were left out), term, estimate, se, p, low, high, shift (change in standard errors of the full fit)."""
    if column not in data.columns:
        raise ModelError(f"column '{column}' is not in the data")
    parts = [_shifted(result, result, "", 0)]
    for name, people in flagged.items():
        mine = data[column].isin(list(people))
        if not mine.any():
            raise ModelError(f"'{name}': none of the flagged participants is in the data")
        model = result.model
        fewer = fit_mixed(
            result.formula,
            data[~mine],
            result.family,
            model.reml,
            link=model.link,
            df=model.df,
            level=model.level,
        )
        parts.append(_shifted(fewer, result, name, int(data.loc[mine, column].nunique())))
    return pd.concat(parts, ignore_index=True)


def _shifted(result: MixedResult, full: MixedResult, name: str, people: int) -> pd.DataFrame:
    table = result.fixed[["term", "estimate", "se", "p", "low", "high"]].copy()
    table.insert(0, "participants", people)
    table.insert(0, "left_out", name)
    before = full.fixed.set_index("term")
    estimate, se = (before[c].reindex(table["term"]).to_numpy(dtype=np.float64) for c in ("estimate", "se"))
    return table.assign(shift=(table["estimate"].to_numpy(dtype=np.float64) - estimate) / se)


@dataclass(frozen=True)
class BootstrapTest:
    """A parametric bootstrap of a likelihood ratio: p = (1 + draws as large) / (1 + draws used)."""

    statistic: float
    p: float
    draws: int
    failed: int


def bootstrap_test(
    small: MixedResult,
    large: MixedResult,
    rng: np.random.Generator,
    *,
    draws: int = 999,
    progress: Callable[[int, int], None] | None = None,
) -> BootstrapTest:
    """Test of `small` within `large` against outcomes simulated from `small`; right also at a variance of zero.

    Draws whose fits fail are left out and counted. Linear models are compared by maximum likelihood."""
    if draws < 19:
        raise ModelError(f"{draws} draws cannot give a p below 0.05; take 99 or more")
    observed = likelihood_ratio(small, large).statistic
    small, large = by_maximum_likelihood(small), by_maximum_likelihood(large)
    larger, failed = 0, 0
    for i in range(draws):
        y = small.simulate(rng)
        try:
            ratio = 2.0 * (large.refit(y).log_likelihood - small.refit(y).log_likelihood)
            larger += ratio >= observed
        except ModelError:
            failed += 1
        if progress is not None:
            progress(i + 1, draws)
    if draws - failed < 19:
        raise ModelError(f"{failed} of {draws} simulated outcomes allowed no fit: the bootstrap says nothing")
    return BootstrapTest(observed, (1 + larger) / (1 + draws - failed), draws - failed, failed)
