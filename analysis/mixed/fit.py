"""`fit_mixed`: the one door to every model of this package."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.mixed.blocks import NotPositive
from analysis.mixed.conclude import laplace_result, linear_result, plain_linear_result, plain_result
from analysis.mixed.design import Design, build_design
from analysis.mixed.errors import ModelError
from analysis.mixed.families import Family, choose_link, make_family
from analysis.mixed.gaussian import LinearEngine
from analysis.mixed.laplace import REFIT_OPTIMUM, LaplaceEngine, LaplaceFit, inverse_information
from analysis.mixed.parameters import Layout, make_layout
from analysis.mixed.plain import fit_plain
from analysis.mixed.result import MixedResult, Model
from analysis.mixed.separation import Separation, find_separation, suspicious
from analysis.mixed.variables import Floats


def fit_mixed(
    formula: str,
    data: pd.DataFrame,
    family: str = "gaussian",
    reml: bool = True,
    *,
    link: str | None = None,
    df: str = "satterthwaite",
    level: float = 0.95,
) -> MixedResult:
    """Fit a linear, generalised or cumulative-link model, with or without random effects.

    formula: lme4's notation, `agree ~ condition * ai_correct + (1 + hedged | participant) + (1 | item)`.
    data: one row an observation; strings, categoricals and logicals are treatment-coded with R's names,
    numbers stay numbers. family: gaussian (REML, or ML with reml=False), binomial (link logit or probit),
    poisson, ordinal (logit, thresholds named `1|2`); the last three by Laplace approximation.
    df: how t tests of a linear model count degrees of freedom: "satterthwaite", "kenward-roger" (adjusts the
    standard errors too; needs REML) or "asymptotic". level: of the intervals.

    Raises ModelError (a ValueError) that names column and reason when the model cannot be fitted as asked.
    What was done instead of what was asked (rows left out, terms dropped) stands in `result.warnings`."""
    chosen = choose_link(family, link)
    _check_options(family, reml, df, level)
    design = build_design(formula, data, family)
    model = Model(design, family, chosen, reml and family == "gaussian", df, level)
    return fit_model(model)


def _check_options(family: str, reml: bool, df: str, level: float) -> None:
    if df not in ("satterthwaite", "kenward-roger", "asymptotic"):
        raise ModelError(f"df {df!r} is not known; choose satterthwaite, kenward-roger or asymptotic")
    if df == "kenward-roger" and not (family == "gaussian" and reml):
        raise ModelError("Kenward–Roger degrees of freedom belong to linear models fitted by REML")
    if not 0 < level < 1:
        raise ModelError(f"level is {level}: give a share between 0 and 1, such as 0.95")


def fit_model(model: Model, previous: MixedResult | None = None) -> MixedResult:
    """Fit a prepared model; `previous`, a fit of the same rows, lends its structure and its optimum."""
    if not model.design.groupings:
        return _fit_without_random(model)
    try:
        if model.family == "gaussian":
            return _fit_linear(model, previous)
        return _fit_laplace(model, previous)
    except NotPositive:
        raise ModelError(
            f"the model {model.design.formula.text!r} could not be fitted: the outcome is reproduced exactly "
            "by its predictors, or numbers went out of range"
        ) from None


def _fit_without_random(model: Model) -> MixedResult:
    design = model.design
    if model.family == "gaussian":
        return plain_linear_result(model)
    family = make_family(model.family, model.link, design.response)
    phi, information, parts = fit_plain(design.X, family)
    separation = _separation(design, family, phi, inverse_information(information)[0])
    return plain_result(model, phi, information, parts, separation)


def _separation(design: Design, family: Family, phi: Floats, covariance: Floats) -> Separation | None:
    if not suspicious(design.X, phi, covariance):
        return None
    return find_separation(design.X, family, design.terms)


def _fit_linear(model: Model, previous: MixedResult | None) -> MixedResult:
    engine, start = _linear_engine(model, previous)
    state, converged = engine.fit(start)
    return linear_result(model, engine, state, converged)


def _linear_engine(model: Model, previous: MixedResult | None) -> tuple[LinearEngine, Floats | None]:
    design = model.design
    if previous is None or not isinstance(previous.engine, LinearEngine):
        return LinearEngine(design.X, design.response.y, make_layout(design.groupings), reml=model.reml), None
    engine = previous.engine.sibling(design.response.y)
    return engine, _inside(previous.theta, engine.layout)


def _inside(theta: Floats, layout: Layout) -> Floats:
    """A start away from the boundary, where the gradient vanishes and a search would rest."""
    diagonal = layout.start(0.3)
    return np.where((np.abs(theta) < 0.1) & (diagonal > 0), diagonal, theta)


def _fit_laplace(model: Model, previous: MixedResult | None) -> MixedResult:
    design = model.design
    family = make_family(model.family, model.link, design.response)
    if previous is not None and isinstance(previous.engine, LaplaceEngine) and previous.laplace is not None:
        engine = previous.engine.sibling(family)
        fit = _refit(engine, previous.laplace)
    else:
        engine = LaplaceEngine(design.X, family, make_layout(design.groupings))
        fit = engine.fit()
    k = engine.nt + engine.p
    separation = _separation(design, family, fit.phi[:k], fit.covariance()[0][:k, :k])
    return laplace_result(model, engine, fit, separation)


def _refit(engine: LaplaceEngine, fit: LaplaceFit) -> LaplaceFit:
    k = engine.nt + engine.p
    start = np.concatenate([fit.phi[:k], _inside(fit.phi[k:], engine.layout)])
    engine.u = fit.mode.u.copy()
    return engine.fit(start, root=fit.whitening(), hessian="forward", tolerance=REFIT_OPTIMUM)
