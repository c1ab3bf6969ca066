"""The hypotheses without the one participant they hang on most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.influence import first_order
from analysis.mixed import ModelError
from analysis.plan import estimation
from analysis.plan.estimation import Fitted
from analysis.plan.hypotheses import Asked, judge_asked
from analysis.plan.results import HypothesisResult, Quantity
from analysis.plan.types import Plan

VARIATION = "without one participant, the one it hangs on most"
TRIED = 3
"""Participants refitted without: those with the most weight to first order."""
FEWEST = 6
"""With fewer participants, leaving one out is another study."""


@dataclass(frozen=True)
class LeftOut:
    """A hypothesis judged without one participant. low, high: the contrast over the refits that were made."""

    judged: HypothesisResult
    low: float
    high: float
    tried: int

    @property
    def note(self) -> str:
        """What was done, in words."""
        return (
            f"each of the {self.tried} participants with the most weight left out in turn, the model refitted: "
            f"estimates from {self.low:.4g} to {self.high:.4g}"
        )


def without_one(plan: Plan, asked: list[Asked], tested: list[HypothesisResult]) -> list[LeftOut | None]:
    """Every hypothesis without a single participant: one whose absence changes the verdict, else the one who moves the
    estimate most. None where there is nothing to leave out. p is adjusted in the same families, the others as they are.
    """
    refits: dict[tuple[str, object], Fitted] = {}
    return [_left_out(plan, asked, n, found, refits) for n, found in enumerate(tested)]


def _left_out(
    plan: Plan,
    asked: list[Asked],
    number: int,
    registered: HypothesisResult,
    refits: dict[tuple[str, object], Fitted],
) -> LeftOut | None:
    one = asked[number]
    found: list[HypothesisResult] = []
    for who in _weightiest(one):
        estimate = _estimate_without(one, who, refits)
        if estimate is not None and estimate.available:
            again = [*asked[:number], Asked(one.hypothesis, one.fitted, estimate), *asked[number + 1 :]]
            found.append(judge_asked(plan, again)[number])
    if not found:
        return None
    values = [float(f.estimate.value) for f in found if f.estimate.value is not None]
    origin = registered.estimate.value or 0.0
    turned = [f for f in found if f.verdict != registered.verdict]
    chosen = max(turned or found, key=lambda f: abs((f.estimate.value or 0.0) - origin))
    return LeftOut(chosen, min(values), max(values), len(found))


def _weightiest(asked: Asked) -> list[object]:
    """Participants by how far the contrast moves without them, to first order, on the link scale."""
    fitted = asked.fitted
    if asked.problem or fitted is None or fitted.result is None or fitted.rows is None:
        return []
    if fitted.participants < FEWEST or "participant" not in fitted.rows.frame:
        return []
    try:
        moved = first_order(fitted.result, fitted.rows.frame["participant"])
        weights = estimation.coefficients_of(fitted, asked.hypothesis.contrast)
    except (ModelError, ValueError, ArithmeticError):
        return []
    se = fitted.result.fixed["se"].to_numpy(dtype=np.float64)
    change = pd.Series(np.abs(moved.iloc[:, 1:].to_numpy(dtype=np.float64) * se @ weights.ravel()))
    order = change.sort_values(ascending=False, kind="stable").index[:TRIED]
    return [moved.iloc[int(place), 0] for place in order]


def _estimate_without(asked: Asked, who: object, refits: dict[tuple[str, object], Fitted]) -> Quantity | None:
    """The contrast without one participant; None where the model then has no fit. Hypotheses share fits."""
    if asked.fitted is None:
        return None
    key = (asked.fitted.spec.id, who)
    try:
        if key not in refits:
            refits[key] = estimation.without(asked.fitted, who)
        return (
            None if refits[key].unusable else estimation.contrast_of(refits[key], asked.hypothesis.contrast)
        )
    except (ModelError, ValueError, ArithmeticError):
        return None
