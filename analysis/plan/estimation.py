"""One model of the plan: its data prepared, fitted, and asked for contrasts and means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp
from typing import Any

import numpy as np
import pandas as pd

from analysis.means import MarginalMeans, contrasts, marginal_means
from analysis.mixed import MixedResult, ModelError, fit_mixed
from analysis.mixed.formula import parse_formula
from analysis.mixed.variables import Floats
from analysis.plan.columns import ColumnError, Tables, outcome_table
from analysis.plan.people import RuleError, holding, same
from analysis.plan.results import Quantity, finite
from analysis.plan.types import Contrast, Model, Outcome, Plan, Scalar

UNITS = {
    ("binomial", "link"): "log odds",
    ("binomial", "response"): "probability",
    ("ordinal", "link"): "log odds of a higher category",
    ("ordinal", "response"): "mean category",
    ("poisson", "link"): "log rate",
    ("poisson", "response"): "rate",
}
RUNS_OFF = "every answer in this cell is alike: the model has no finite estimate of it"


@dataclass(frozen=True)
class Rows:
    """The rows a model is fitted to: complete in all its columns. `missing` were left out for that reason."""

    frame: pd.DataFrame
    column: str
    missing: int


@dataclass(frozen=True)
class Fitted:
    """A model that was fitted, or in `problem` why not."""

    spec: Model
    outcome: Outcome | None
    result: MixedResult | None = None
    rows: Rows | None = None
    problem: str = ""

    @property
    def participants(self) -> int:
        return _distinct(self.rows, "participant")

    @property
    def items(self) -> int:
        return _distinct(self.rows, "item")

    @property
    def told(self) -> Fitted:
        """The fit without its rows and matrices, for whoever has asked it everything."""
        return replace(self, result=None, rows=None)

    @property
    def without_engine(self) -> Fitted:
        """The fit without what only its own likelihood needs."""
        return replace(self, result=self.result and replace(self.result, engine=None, laplace=None))

    @property
    def unusable(self) -> str:
        """Why no hypothesis can be judged by this model; empty when it can. Separation stops only the contrasts that
        run off to infinity."""
        if self.problem or self.result is None:
            return self.problem or "the model was not fitted"
        return "" if self.result.converged else self.fatal or "the model did not converge"

    @property
    def fatal(self) -> str:
        """The warnings of the fit that forbid its use."""
        found = self.result.warnings if self.result else ()
        return " ".join(w for w in found if not w.startswith("Singular fit"))

    def unit(self, scale: str) -> str:
        """What a contrast on that scale is measured in."""
        own = self.outcome.unit if self.outcome else ""
        if self.outcome and self.outcome.transform == "log":
            own = f"log {own}".strip()
        return UNITS.get((self.spec.family, scale), own or "units of the outcome")


def _distinct(rows: Rows | None, name: str) -> int:
    return int(rows.frame[name].nunique()) if rows is not None and name in rows.frame else 0


def fit(plan: Plan, spec: Model, tables: Tables) -> Fitted:
    """Fit one model of the plan. Never raises for data: `problem` says in words what was wrong."""
    outcome = {o.id: o for o in plan.outcomes}.get(spec.outcome)
    if outcome is None:
        return Fitted(spec, None, problem=f"the plan has no outcome '{spec.outcome}'")
    try:
        return _fitted(spec, outcome, model_rows(spec, outcome, tables))
    except (ModelError, ColumnError, RuleError, ValueError, ArithmeticError) as error:
        return Fitted(spec, outcome, problem=str(error))


def _fitted(spec: Model, outcome: Outcome, rows: Rows) -> Fitted:
    """Raises ModelError, ValueError or ArithmeticError where the rows allow no fit."""
    with np.errstate(all="ignore"):
        result = fit_mixed(f"{rows.column} ~ {spec.formula}", rows.frame, spec.family, df=spec.df)
    return Fitted(spec, outcome, _with_errors(result, spec), rows)


def without(fitted: Fitted, participant: object) -> Fitted:
    """The same model without one participant's rows."""
    if fitted.rows is None or fitted.outcome is None:
        return fitted
    rows = replace(fitted.rows, frame=fitted.rows.frame[fitted.rows.frame["participant"] != participant])
    return _fitted(fitted.spec, fitted.outcome, rows)


def _with_errors(result: MixedResult, spec: Model) -> MixedResult:
    if spec.errors == "model":
        return result
    from analysis.robustness import heteroscedastic  # loads statsmodels, which few callers need

    return heteroscedastic(result, spec.errors)


def model_rows(spec: Model, outcome: Outcome, tables: Tables) -> Rows:
    """The rows of a model: its subset, without those where the outcome or a predictor is missing."""
    used = list(
        dict.fromkeys([outcome.column, *parse_formula(f"{outcome.column} ~ {spec.formula}").variables])
    )
    wanted = {"participant", "item", *used, *(rule.column for rule in spec.subset)}
    table, column = outcome_table(outcome, tables, wanted)
    holds, _ = holding(spec.subset, table)
    table = table[holds]
    for name in used:
        if name not in table:
            raise ColumnError(
                f"the model '{spec.id}' needs a column '{name}', which the {outcome.table} table does not have"
            )
    complete = table[used].notna().all(axis=1)
    kept = list(dict.fromkeys([*used, *(n for n in ("participant", "item") if n in table)]))
    frame = table.loc[complete, kept]
    return Rows(frame.apply(_plain_dtype), column, int((~complete).sum()))


def _plain_dtype(column: pd.Series) -> pd.Series:
    """Nullable booleans and integers as plain ones: no value is missing any more."""
    if column.dtype == "boolean":
        return column.astype(bool)
    if column.dtype == "Int64":
        return column.astype("int64")
    return column


def contrast_of(fitted: Fitted, contrast: Contrast, *, scale: str = "", level: float = 0.95) -> Quantity:
    """A contrast of a fitted model's marginal means, on the link or the response scale (delta method).

    Raises ModelError where the model has no such factor or level, or separation sends the contrast to infinity."""
    means = _means(fitted, contrast, scale or contrast.scale)
    asked = weights(means.table, contrast)
    if means.runs_off(asked, means.result):
        raise ModelError(fitted.fatal)
    table = contrasts(means, {"asked": asked.tolist()}, adjust="none", level=level)
    return _quantity(fitted, dict(table.iloc[0]), level)


def coefficients_of(fitted: Fitted, contrast: Contrast) -> Floats:
    """The contrast on the link scale as a row of weights over the fixed parameters (thresholds first)."""
    means = _means(fitted, contrast, "link")
    return np.asarray(weights(means.table, contrast) @ means.rows)


def _means(fitted: Fitted, contrast: Contrast, scale: str) -> MarginalMeans:
    factors = [contrast.factor] + ([contrast.within.factor] if contrast.within else [])
    return marginal_means(_result(fitted), factors, at=contrast.at, scale=scale)


def weights(means: pd.DataFrame, contrast: Contrast) -> Floats:
    """The weight of each marginal mean in a contrast: +1 and −1, and for a difference of differences their product."""
    weight = _signs(means, contrast.factor, contrast.level, contrast.reference)
    if contrast.within is not None:
        weight = weight * _signs(
            means, contrast.within.factor, contrast.within.level, contrast.within.reference
        )
    return weight


def _signs(means: pd.DataFrame, factor: str, level: Scalar, reference: Scalar) -> Floats:
    out = np.zeros(len(means))
    for value, sign in ((level, 1.0), (reference, -1.0)):
        rows = np.array([_matches(found, value) for found in means[factor]])
        if not rows.any():
            known = ", ".join(map(str, means[factor].unique()))
            raise ModelError(f"'{factor}' has no level {value!r} in these data; it has {known}")
        out[rows] = sign
    return out


def _matches(found: object, value: Scalar) -> bool:
    """Same level; a truth value also names the 0 or 1 of a column of numbers."""
    return bool(found == value) if isinstance(value, bool) else same(found, value)


def cells(fitted: Fitted, contrast: Contrast, scale: str) -> list[tuple[dict[str, object], Quantity]]:
    """Marginal means at every level of the contrast's factor (and of `within`'s), at its fixed values."""
    means = _means(fitted, contrast, scale)
    names = list(means.factors)
    rows = [{str(key): value for key, value in row.items()} for row in means.table.to_dict("records")]
    off = means.run_off(means.result)
    found = [
        Quantity(note=RUNS_OFF) if o else _quantity(fitted, row, 0.95)
        for row, o in zip(rows, off, strict=True)
    ]
    return [
        ({n: row[n] for n in names} | dict(contrast.at), one) for row, one in zip(rows, found, strict=True)
    ]


def _quantity(fitted: Fitted, row: dict[str, Any], level: float) -> Quantity:
    numbers = {name: finite(row.get(name)) for name in ("se", "low", "high", "df", "statistic", "p")}
    rows = fitted.rows.missing if fitted.rows else 0
    return Quantity(
        value=finite(row["estimate"]),
        level=level,
        n=_result(fitted).n,
        clusters=fitted.participants,
        missing=rows,
        **numbers,
    )


def exponential(estimate: Quantity) -> Quantity:
    """An odds or rate ratio from a difference of logs; the interval is carried over, the error by delta method."""
    if estimate.value is None or estimate.low is None or estimate.high is None or estimate.se is None:
        return estimate
    ratio = exp(min(estimate.value, 700.0))
    changed = {"value": ratio, "low": exp(min(estimate.low, 700.0)), "high": exp(min(estimate.high, 700.0))}
    return estimate.model_copy(
        update=changed | {"se": ratio * estimate.se, "note": "p is of the log against 0"}
    )


def _result(fitted: Fitted) -> MixedResult:
    if fitted.result is None:
        raise ModelError(fitted.problem or "the model was not fitted")
    return fitted.result
