"""The hypotheses by another estimator: population-averaged models (GEE) beside the mixed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from analysis.mixed import MixedResult, ModelError
from analysis.mixed.variables import Floats
from analysis.plan import estimation
from analysis.plan.estimation import Fitted
from analysis.plan.hypotheses import Asked, judge_asked
from analysis.plan.results import HypothesisResult, Quantity, finite
from analysis.plan.types import Contrast, Hypothesis, Plan

VARIATION = "GEE, exchangeable within participants"
NOTE = "averages over people: log odds are smaller by nature; compare signs and tests"


def by_gee(plan: Plan, fitted: Fitted) -> dict[str, Asked]:
    """The hypotheses of one model by their id, asked again by GEE; without those where there is nothing to compare.

    Compared are contrasts on the link scale of linear, logistic and Poisson mixed models.
    """
    asked = {h.id: _asked(h, fitted) for h in plan.hypotheses if h.model == fitted.spec.id}
    return {name: found for name, found in asked.items() if found is not None}


def judge_others(plan: Plan, asked: Mapping[str, Asked]) -> list[HypothesisResult | None]:
    """Verdicts by the other estimator, Holm within the same families; None where nothing was compared."""
    judged = judge_asked(plan, [asked.get(h.id) or _absent(h) for h in plan.hypotheses])
    return [found if found.id in asked else None for found in judged]


def _absent(hypothesis: Hypothesis) -> Asked:
    return Asked(hypothesis, None, Quantity(), problem="not compared")


def _asked(hypothesis: Hypothesis, fitted: Fitted) -> Asked | None:
    if fitted.result is None or fitted.unusable or not fitted.result.groups:
        return None
    if fitted.spec.family == "ordinal" or hypothesis.contrast.scale != "link":
        return None
    if "participant" not in fitted.result.groups:
        return None
    try:
        return Asked(hypothesis, fitted.told, gee_contrast(fitted, fitted.result, hypothesis.contrast))
    except (ModelError, ValueError, ArithmeticError) as error:
        return Asked(hypothesis, fitted.told, Quantity(), problem=str(error))


def gee_contrast(fitted: Fitted, result: MixedResult, contrast: Contrast) -> Quantity:
    """A contrast of the link scale by GEE: the columns are turned so that the contrast is one coefficient."""
    from analysis.robustness import gee  # statsmodels takes a second to load, and few callers need it

    design = result.model.design
    L = estimation.coefficients_of(fitted, contrast)
    turned = replace(design, X=design.X @ np.linalg.inv(with_first_row(L)))
    row = gee(replace(result, model=replace(result.model, design=turned))).iloc[0]
    numbers = {name: finite(row[name]) for name in ("se", "low", "high", "df", "statistic", "p")}
    return Quantity(value=finite(row["estimate"]), n=result.n, clusters=fitted.participants, **numbers)


def with_first_row(row: Floats) -> Floats:
    """An invertible matrix whose first row is `row`: unit rows fill the rest, leaving out the largest entry's."""
    pivot = int(np.argmax(np.abs(row)))
    rest = np.delete(np.eye(len(row)), pivot, axis=0)
    return np.vstack([row[None, :], rest])
