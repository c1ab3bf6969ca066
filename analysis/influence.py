"""Does a result lean on a single participant?

Exactly, by refits from the optimum, one a participant; and to first order for all of them at once, which tells whom to
refit without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.mixed.blocks import Lambda
from analysis.mixed.errors import ModelError
from analysis.mixed.factored import Factored
from analysis.mixed.families import Parts, make_family
from analysis.mixed.fit import fit_model
from analysis.mixed.gaussian import LinearEngine
from analysis.mixed.laplace import REFIT_OPTIMUM, LaplaceEngine
from analysis.mixed.result import MixedResult
from analysis.mixed.variables import Floats

Clusters = str | pd.Series
"""A column of the model by name, or a series with the index of the data."""


def labels_of(result: MixedResult, cluster: Clusters) -> pd.Series:
    """The cluster of each row: a column of the model, or a series with the data's index."""
    frame = result.model.design.frame
    if isinstance(cluster, pd.Series):
        if not frame.index.isin(cluster.index).all() or cluster.index.has_duplicates:
            raise ModelError(f"column '{cluster.name}' does not have the index of the data that were fitted")
        labels = cluster.loc[frame.index]
        if labels.isna().any():
            raise ModelError(f"column '{cluster.name}' misses the cluster of {int(labels.isna().sum())} rows")
        return labels
    if cluster not in frame.columns:
        known = ", ".join(frame.columns)
        raise ModelError(
            f"column '{cluster}' is not among the columns of the model ({known}); give the column itself instead"
        )
    return frame[cluster]


def influence(
    result: MixedResult,
    group: Clusters = "participant",
    *,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Every level of `group` (a column of the model, or a series beside the data) left out in turn, the model
    refitted from its optimum.

    Columns: the level, one a term (change of its estimate in standard errors when the level is left out), and
    cook (Δ'V⁻¹Δ / parameters). A level whose absence leaves the model without an estimate has missing values."""
    labels = labels_of(result, group)
    codes, levels = pd.factorize(labels, sort=True)
    if len(levels) < 3:
        raise ModelError(
            f"column '{labels.name}' has {len(levels)} levels; leaving one out needs three or more"
        )
    precision = np.linalg.inv(result.covariance.to_numpy(dtype=np.float64))
    se, rows = result.fixed["se"].to_numpy(dtype=np.float64), []
    for i in range(len(levels)):
        change = _left_out(result, (codes != i).astype(np.float64)) - result.estimates
        rows.append([*(change / se), float(change @ precision @ change) / len(change)])
        if progress is not None:
            progress(i + 1, len(levels))
    table = pd.DataFrame(rows, columns=[*result.fixed["term"], "cook"])
    table.insert(0, str(labels.name), list(levels))
    return table


def _left_out(result: MixedResult, keep: Floats) -> Floats:
    """Estimates from the rows kept, started at the optimum of all rows; nan where they cannot be had."""
    model, engine = result.model, result.engine
    missing = np.full(len(result.estimates), np.nan)
    if np.linalg.matrix_rank(model.design.X[keep > 0]) < model.design.X.shape[1]:
        return missing
    if isinstance(engine, LinearEngine):
        state, converged = engine.keeping(keep).fit(np.where(np.abs(result.theta) < 0.05, 0.3, result.theta))
        return state.beta if converged else missing
    if isinstance(engine, LaplaceEngine) and result.laplace is not None:
        reduced = engine.sibling(make_family(model.family, model.link, model.design.response, keep))
        reduced.u = result.laplace.mode.u.copy()
        fit = reduced.fit(
            result.laplace.phi, root=result.laplace.whitening(), hessian="none", tolerance=REFIT_OPTIMUM
        )
        return fit.phi[: len(missing)] if fit.converged else missing
    return _plain_left_out(result, keep > 0)


def _plain_left_out(result: MixedResult, kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    design = result.model.design
    response = replace(design.response, y=design.response.y[kept], trials=design.response.trials[kept])
    fewer = replace(design, frame=design.frame[kept], X=design.X[kept], response=response)
    return fit_model(replace(result.model, design=fewer)).estimates


def first_order(result: MixedResult, group: Clusters = "participant") -> pd.DataFrame:
    """What leaving each level of `group` out changes, to first order: minus the covariance times the level's score.

    Its own random effects are integrated out, all others (items) react, variances are held; one pass over the rows
    serves all levels. Columns: the level, one a term (approximate change of its estimate in standard errors). It
    ranks; `influence` measures. Source: the infinitesimal jackknife, Jaeckel 1972."""
    labels = labels_of(result, group)
    codes, levels = pd.factorize(labels, sort=True)
    sums = np.zeros((len(levels), len(result.estimates)))
    np.add.at(sums, codes, _scores(result, str(labels.name)))
    se = result.fixed["se"].to_numpy(dtype=np.float64)
    table = pd.DataFrame(-(sums @ _unrobust(result)) / se, columns=list(result.fixed["term"]))
    table.insert(0, str(labels.name), list(levels))
    return table


def _unrobust(result: MixedResult) -> Floats:
    """The inverse information of the fixed part, also where the result carries robust errors."""
    design = result.model.design
    if result.family == "gaussian" and not design.groupings:
        return np.asarray(np.linalg.inv(design.X.T @ design.X))
    return result.covariance.to_numpy(dtype=np.float64)


def _scores(result: MixedResult, group: str) -> Floats:
    """(rows, parameters) share of each row in the derivative of the log-likelihood in (τ, β), at the conditional
    modes. For a linear model without random effects σ² = 1, as in `_unrobust`."""
    design, engine = result.model.design, result.engine
    if isinstance(engine, LaplaceEngine) and result.laplace is not None:
        mode = result.laplace.mode
        slopes = -engine.mode_slopes(mode)[:, : len(result.estimates)]
        return _row_scores(result, mode.parts) - mode.parts.s[:, None] * _felt(
            engine, mode.lam, slopes, group
        )
    if isinstance(engine, LinearEngine):
        lam = engine.blocks.scale(engine.layout.lambdas(result.theta))
        slopes = Factored(engine.blocks, engine.tables, lam).solve(lam.apply(engine.ZX, transpose=True))
        residual = (
            design.response.y - result.predict(scale="link").to_numpy(dtype=np.float64)
        ) / result.residual_sd**2
        return np.asarray(residual[:, None] * (design.X - _felt(engine, lam, slopes, group)))
    if result.family == "gaussian":
        return np.asarray(design.X * (design.response.y - design.X @ result.estimates)[:, None])
    family = make_family(result.family, result.model.link, design.response)
    return _row_scores(result, family.at(design.X @ result.beta, result.tau))


def _felt(engine: LinearEngine | LaplaceEngine, lam: Lambda, slopes: Floats, group: str) -> Floats:
    """(rows, parameters) the part of the columns of X that the random effects of the other factors take up."""
    for share in engine.layout.shares:
        if share.grouping.name == group:
            ends = np.cumsum([0, *(f.n * f.width for f in engine.layout.factors)])
            slopes[ends[share.factor] : ends[share.factor + 1]] = 0.0
    return np.asarray(engine.blocks.Z @ lam.apply(slopes))


def _row_scores(result: MixedResult, parts: Parts) -> Floats:
    """(rows, parameters) derivative of each row's log-likelihood in (τ, β)."""
    design = result.model.design
    rows = design.X * parts.s[:, None]
    if parts.cuts is None:
        return np.asarray(rows)
    code, place = design.response.y.astype(np.int64), np.arange(design.rows)
    edges: Floats = np.zeros((design.rows, len(result.tau) + 2))
    edges[place, code + 1] = parts.cuts.upper
    edges[place, code] = parts.cuts.lower
    return np.hstack([edges[:, 1:-1], rows])
