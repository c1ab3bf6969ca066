"""Marginal means and contrasts of a fitted model, by the conventions of R's emmeans.

A reference grid crosses all factor levels (numbers with two values count as factors, others stand at their
mean); a marginal mean is the equally weighted average of the grid's linear predictor. On the response scale the
average is transformed back, differences get standard errors by the delta method (emmeans' `regrid`); the
ordinal link scale is the latent one, counted from the middle of the thresholds, and its response scale is the
expected category.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from analysis.adjust import adjusted_p, critical_value
from analysis.mixed.design import Mask
from analysis.mixed.errors import ModelError
from analysis.mixed.result import MixedResult
from analysis.mixed.tables import quantile, two_sided
from analysis.mixed.variables import Codes, Floats, design_columns, design_matrix, label

Names = str | Sequence[str]


@dataclass(frozen=True)
class MarginalMeans:
    """Means with what contrasts need. table: one column a factor, then estimate, se, df, low, high.

    rows: (means, parameters) derivative of each mean in the fixed parameters (thresholds first)."""

    table: pd.DataFrame
    factors: tuple[str, ...]
    by: tuple[str, ...]
    scale: str
    rows: Floats = field(repr=False)
    link_rows: Floats = field(repr=False)
    result: MixedResult = field(repr=False)
    grid: Floats = field(repr=False)
    members: tuple[Codes, ...] = field(repr=False)

    def values(self, result: MixedResult) -> tuple[Floats, Floats]:
        """The same means from another fit of the same design: (means,) values and (means, parameters) rows."""
        return _Scale(result, self.scale).means(self.grid, self.members, self.link_rows)

    def run_off(self, result: MixedResult) -> Mask:
        """Which means separation sends to infinity in a fit of the same design: (means,)."""
        return result.runs_off(self.link_rows)

    def runs_off(self, weights: Floats, result: MixedResult) -> bool:
        """Whether their weighted sum has no finite estimate in a fit of the same design. On the response scale that is
        so where one of the means used lies at the end of the scale, for it has no interval there."""
        if not result.separated:
            return False
        if self.scale == "response":
            return bool(result.runs_off(self.link_rows[weights != 0]).any())
        return bool(result.runs_off((weights @ self.link_rows)[None, :])[0])


def marginal_means(
    result: MixedResult,
    specs: Names,
    *,
    by: Names = (),
    at: Mapping[str, Any] | None = None,
    scale: str = "link",
    level: float = 0.95,
) -> MarginalMeans:
    """Marginal means of `specs` (within each level of `by`), the other predictors averaged or held `at` values.

    Rows stand as in emmeans: the first of `specs` changes fastest, `by` slowest.

    scale: "link" (log odds, latent, or the outcome itself) or "response" (probability, count, expected
    category, or the outcome before its logarithm). Intervals are Wald intervals on the link scale, transformed.
    Raises ModelError for a column that is no predictor, an unknown level, or a mean that cannot be estimated."""
    if scale not in ("link", "response"):
        raise ModelError(f"scale {scale!r} is not known; choose link or response")
    factors, groups = _listed(specs), _listed(by)
    if not factors:
        raise ModelError("marginal means need at least one predictor to be taken over")
    axes = _axes(result, at or {}, (*factors, *groups))
    grid, L = _grid(result, axes)
    if not np.isfinite(L).all():
        raise ModelError(
            "a marginal mean cannot be estimated: a combination of levels is missing from the data"
        )
    wanted = (*factors, *groups)
    keys = [key[::-1] for key in itertools.product(*(axes[name] for name in reversed(wanted)))]
    held = list(grid[list(wanted)].itertuples(index=False, name=None))
    members = tuple(np.array([i for i, row in enumerate(held) if row == key], dtype=np.int64) for key in keys)
    link_rows = np.array([L[m].mean(axis=0) for m in members])
    table = pd.DataFrame([dict(zip(wanted, key, strict=False)) for key in keys])[[*factors, *groups]]
    ends = _Scale(result, scale)
    estimate, rows = ends.means(L, members, link_rows)
    numbers = _mean_numbers(result, ends, estimate, rows, link_rows, level)
    return MarginalMeans(table.assign(**numbers), factors, groups, scale, rows, link_rows, result, L, members)


def _listed(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _axes(result: MixedResult, at: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, list[Any]]:
    """The values each predictor of the fixed part takes in the reference grid."""
    design = result.model.design
    names = list(dict.fromkeys(v for term in design.formula.fixed.terms for v in term))
    for name in (*wanted, *at):
        if name not in names:
            raise ModelError(
                f"'{name}' is not a fixed predictor of the model; it has {', '.join(names) or 'none'}"
            )
    axes: dict[str, list[Any]] = {}
    for name in names:
        variable = design.variables[name]
        if name in at:
            values = at[name]
            axes[name] = list(values) if isinstance(values, list | tuple | np.ndarray) else [values]
            _check_levels(name, variable.levels, axes[name])
        elif variable.is_factor:
            axes[name] = list(variable.levels)
        else:
            numbers = design.frame[name].to_numpy(dtype=np.float64)
            distinct = np.unique(numbers)
            axes[name] = distinct.tolist() if len(distinct) == 2 else [float(numbers.mean())]
    return axes


def _check_levels(name: str, levels: tuple[Any, ...], values: list[Any]) -> None:
    for value in values:
        if levels and value not in levels:
            known = ", ".join(label(v) for v in levels)
            raise ModelError(f"'{name}' has no level {value!r}; it has {known}")
        if not levels and not isinstance(value, int | float | np.number):
            raise ModelError(f"'{name}' is a number; {value!r} is not")


def _grid(result: MixedResult, axes: dict[str, list[Any]]) -> tuple[pd.DataFrame, Floats]:
    """The grid's rows, and each row's coefficients on the fixed parameters (nan where not estimable)."""
    design = result.model.design
    rows = list(itertools.product(*axes.values())) or [()]
    grid = pd.DataFrame(rows, columns=list(axes))
    encoded = {
        name: np.array([design.variables[name].levels.index(v) for v in grid[name]], dtype=np.int64)
        if design.variables[name].is_factor
        else grid[name].to_numpy(dtype=np.float64)
        for name in axes
    }
    L = design.matrix(encoded, len(grid))
    if design.aliased:
        L[~_estimable(result, encoded, len(grid))] = np.nan
    nt = result.n_thresholds
    if nt:
        L = np.hstack([np.full((len(L), nt), -1.0 / nt), L])
    return grid, L


def _estimable(result: MixedResult, encoded: dict[str, Any], rows: int) -> Mask:
    """Which grid rows lie in the row space of the full design, aliased columns included."""
    design = result.model.design
    columns = design_columns(design.formula.fixed, design.variables)
    X = design_matrix(columns, design.encode(design.frame) | _others(result), design.rows)
    _, values, vt = np.linalg.svd(np.unique(X, axis=0), full_matrices=False)
    space = vt[values > 1e-8 * values[0]]
    L = design_matrix(columns, encoded, rows)
    left = L - (L @ space.T) @ space
    return np.asarray(np.abs(left).max(axis=1) < 1e-6 * (1.0 + np.abs(L).max(axis=1)))


def _others(result: MixedResult) -> dict[str, Any]:
    design = result.model.design
    names = {v for term in design.formula.fixed.terms for v in term}
    return {v: design.variables[v].encode(design.frame[v]) for v in names}


class _Scale:
    """From linear predictors to the scale asked for, with derivatives."""

    def __init__(self, result: MixedResult, scale: str) -> None:
        self.result, self.response = result, scale == "response"
        self.ordinal = result.family == "ordinal"

    def means(self, L: Floats, members: Sequence[Codes], link_rows: Floats) -> tuple[Floats, Floats]:
        """(means,) and (means, parameters): value and derivative on the scale."""
        phi = self.result.estimates
        if not self.response:
            return link_rows @ phi, link_rows
        if self.ordinal:
            value, slope = self._expected_category(L)
            return np.array([value[m].mean() for m in members]), np.array(
                [slope[m].mean(axis=0) for m in members]
            )
        eta = link_rows @ phi
        return self.back(eta), self._slope(eta)[:, None] * link_rows

    def back(self, eta: Floats) -> Floats:
        transform = self.result.model.design.response.transform
        if self.result.family != "gaussian":
            return self.result.mean(eta)
        if not transform:
            return eta
        if transform not in _INVERSE:
            raise ModelError(f"the response scale of {transform}(…) is not offered; use scale='link'")
        return _INVERSE[transform](eta)

    def _slope(self, eta: Floats) -> Floats:
        h = 1e-6
        return np.asarray(
            (self.back(eta + h) - self.back(eta - h)) / (2 * h) if self._curved() else np.ones_like(eta)
        )

    def _curved(self) -> bool:
        return self.result.family != "gaussian" or bool(self.result.model.design.response.transform)

    def _expected_category(self, L: Floats) -> tuple[Floats, Floats]:
        """Σ_j P(y > j) + 1, and its derivative in (τ, β), a row a grid point."""
        nt, phi = self.result.n_thresholds, self.result.estimates
        tau, X = phi[:nt], L[:, nt:]
        below = expit(tau[None, :] - (X @ phi[nt:])[:, None])
        density = below * (1.0 - below)
        value = 1.0 + (1.0 - below).sum(axis=1)
        return value, np.hstack([-density, density.sum(axis=1)[:, None] * X])


_INVERSE: dict[str, Callable[[Floats], Floats]] = {
    "log": np.exp,
    "log2": np.exp2,
    "log10": lambda x: np.asarray(10.0**x),
    "log1p": np.expm1,
    "sqrt": np.square,
}


def standard_error(result: MixedResult, rows: Floats) -> Floats:
    V = result.covariance.to_numpy(dtype=np.float64)
    return np.asarray(np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", rows, V, rows), 0.0)))


def _mean_numbers(
    result: MixedResult, ends: _Scale, estimate: Floats, rows: Floats, link_rows: Floats, level: float
) -> dict[str, Floats]:
    se, df = standard_error(result, rows), result.degrees(link_rows)
    if ends.response and not ends.ordinal:
        eta, half = link_rows @ result.estimates, quantile(df, level) * standard_error(result, link_rows)
        low, high = ends.back(eta - half), ends.back(eta + half)
    else:
        half = quantile(df, level) * se
        low, high = estimate - half, estimate + half
    return {"estimate": estimate, "se": se, "df": df, "low": low, "high": high}


def contrasts(
    means: MarginalMeans,
    method: str | Mapping[str, Sequence[float]] = "pairwise",
    *,
    control: Any = None,
    adjust: str = "holm",
    level: float = 0.95,
) -> pd.DataFrame:
    """Differences between marginal means, within each level of `by`.

    method: "pairwise", "control" (every mean minus that of `control`, by default the first), or a dict of
    weights over the means in their order. adjust: holm, none, bonferroni, sidak, fdr or tukey (pairwise only),
    within each level of `by`; intervals are Bonferroni-widened for holm and fdr, as emmeans does.

    Columns: by…, contrast, estimate, se, df, statistic, p, low, high; and on the link scale of log-odds or
    logarithms also ratio, ratio_low, ratio_high (an odds ratio or a ratio of means)."""
    parts = []
    for key, places in _by_groups(means):
        names = [_name(means, i) for i in places]
        weights, titles = _weights(method, names, means, places, control)
        one = _contrast_rows(means, weights, places, adjust, level, len(names))
        one.insert(0, "contrast", titles)
        for name, value in reversed(list(zip(means.by, key, strict=False))):
            one.insert(0, name, [value] * len(one))
        parts.append(one)
    return pd.concat(parts, ignore_index=True)


def _by_groups(means: MarginalMeans) -> list[tuple[tuple[Any, ...], list[int]]]:
    if not means.by:
        return [((), list(range(len(means.table))))]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, key in enumerate(means.table[list(means.by)].itertuples(index=False, name=None)):
        groups.setdefault(tuple(key), []).append(i)
    return list(groups.items())


def _name(means: MarginalMeans, i: int) -> str:
    """emmeans' name of a mean: levels joined by blanks, numbers with their factor's name before them."""
    words = []
    for factor in means.factors:
        text = label(means.table[factor].iloc[i])
        words.append(f"{factor}{text}" if _is_number(text) else text)
    return " ".join(words)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _weights(
    method: str | Mapping[str, Sequence[float]],
    names: list[str],
    means: MarginalMeans,
    places: list[int],
    control: Any,
) -> tuple[Floats, list[str]]:
    eye = np.eye(len(names))
    if isinstance(method, Mapping):
        return _custom(method, len(names))
    if len(names) < 2:
        raise ModelError("a contrast needs at least two means")
    if method == "pairwise":
        pairs = list(itertools.combinations(range(len(names)), 2))
        return np.array([eye[i] - eye[j] for i, j in pairs]), [f"{names[i]} - {names[j]}" for i, j in pairs]
    if method == "control":
        c = 0 if control is None else _control_place(means, places, control)
        others = [i for i in range(len(names)) if i != c]
        return np.array([eye[i] - eye[c] for i in others]), [f"{names[i]} - {names[c]}" for i in others]
    raise ModelError(f"method {method!r} is not known; choose pairwise, control or a dict of weights")


def _control_place(means: MarginalMeans, places: list[int], control: Any) -> int:
    if len(means.factors) != 1:
        raise ModelError("a control level needs means over a single factor")
    levels = [means.table[means.factors[0]].iloc[i] for i in places]
    if control not in levels:
        raise ModelError(f"'{means.factors[0]}' has no level {control!r} to compare with")
    return levels.index(control)


def _custom(method: Mapping[str, Sequence[float]], size: int) -> tuple[Floats, list[str]]:
    if not method:
        raise ModelError("no contrast is named in the dict of weights")
    for name, weights in method.items():
        if len(weights) != size:
            raise ModelError(f"contrast '{name}' has {len(weights)} weights for {size} means")
        if not np.isfinite(np.asarray(weights, dtype=np.float64)).all():
            raise ModelError(f"contrast '{name}' has weights that are no finite numbers")
    return np.array([list(w) for w in method.values()], dtype=np.float64), list(method)


def _contrast_rows(
    means: MarginalMeans, weights: Floats, places: list[int], adjust: str, level: float, size: int
) -> pd.DataFrame:
    result = means.result
    estimate = weights @ means.table["estimate"].to_numpy(dtype=np.float64)[places]
    se = standard_error(result, weights @ means.rows[places])
    df = result.degrees(weights @ means.link_rows[places])
    statistic = np.divide(estimate, se, out=np.full(len(se), np.nan), where=se > 0)
    p = adjusted_p(two_sided(statistic, df), adjust, statistic=statistic, df=df, means=size)
    half = critical_value(df, level, adjust, tests=len(se), means=size) * se
    table = pd.DataFrame(
        {"estimate": estimate, "se": se, "df": df, "statistic": statistic, "p": p,
         "low": estimate - half, "high": estimate + half}
    )  # fmt: skip
    if means.scale == "link" and _logarithmic(result) and np.allclose(weights.sum(axis=1), 0.0):
        with np.errstate(over="ignore"):
            for name, column in (("ratio", "estimate"), ("ratio_low", "low"), ("ratio_high", "high")):
                table[name] = np.exp(table[column])
    return table


def _logarithmic(result: MixedResult) -> bool:
    """Whether a difference on the link scale is the logarithm of a ratio."""
    response = result.model.design.response
    return result.model.link in ("logit", "log") or (
        result.family == "gaussian" and response.transform == "log"
    )
