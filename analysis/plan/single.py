"""The hypotheses without the one participant they hang on most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.influence import first_order
from analysis.memory import freed_after
from analysis.mixed import ModelError
from analysis.plan import estimation
from analysis.plan.estimation import Fitted
from analysis.plan.hypotheses import Asked, judge_asked
from analysis.plan.results import HypothesisResult, Quantity
from analysis.plan.types import Hypothesis, Plan

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


def weightiest(plan: Plan, fitted: Fitted, asked: Mapping[str, Asked]) -> dict[str, list[object]]:
    """The participants on whom each of one model's hypotheses hangs most, by its id."""
    own = [h for h in plan.hypotheses if h.model == fitted.spec.id and not asked[h.id].problem]
    return {h.id: _weightiest(h, fitted) for h in own}


def without_one(plan: Plan, fitted: Fitted, people: Mapping[str, list[object]]) -> dict[str, list[Quantity]]:
    """The contrasts of one model's hypotheses, by their id, without each of these participants.

    Of `fitted` only the rows are used. Hypotheses share refits, of which one is held at a time."""
    own = [h for h in plan.hypotheses if h.id in people]
    found: dict[str, dict[object, Quantity]] = {h.id: {} for h in own}
    for who in dict.fromkeys(one for those in people.values() for one in those):
        asking = [h for h in own if who in people[h.id]]
        for hypothesis, estimate in zip(asking, _estimates_without(asking, fitted, who), strict=True):
            if estimate is not None and estimate.available:
                found[hypothesis.id][who] = estimate
        freed_after(len(fitted.rows.frame) if fitted.rows else 0)
    return {name: [found[name][who] for who in those if who in found[name]] for name, those in people.items()}


def judge_without(
    plan: Plan, asked: list[Asked], tested: list[HypothesisResult], estimates: Mapping[str, list[Quantity]]
) -> list[LeftOut | None]:
    """Every hypothesis without a single participant: one whose absence changes the verdict, else the one who moves the
    estimate most. None where there is nothing to leave out. p is adjusted in the same families, the others as they are.
    """
    return [_left_out(plan, asked, n, found, estimates.get(found.id, [])) for n, found in enumerate(tested)]


def _left_out(
    plan: Plan, asked: list[Asked], number: int, registered: HypothesisResult, estimates: list[Quantity]
) -> LeftOut | None:
    one = asked[number]
    found: list[HypothesisResult] = []
    for estimate in estimates:
        again = [*asked[:number], Asked(one.hypothesis, one.fitted, estimate), *asked[number + 1 :]]
        found.append(judge_asked(plan, again)[number])
    if not found:
        return None
    values = [float(f.estimate.value) for f in found if f.estimate.value is not None]
    origin = registered.estimate.value or 0.0
    turned = [f for f in found if f.verdict != registered.verdict]
    chosen = max(turned or found, key=lambda f: abs((f.estimate.value or 0.0) - origin))
    return LeftOut(chosen, min(values), max(values), len(found))


def _weightiest(hypothesis: Hypothesis, fitted: Fitted) -> list[object]:
    """Participants by how far the contrast moves without them, to first order, on the link scale."""
    if fitted.result is None or fitted.rows is None:
        return []
    if fitted.participants < FEWEST or "participant" not in fitted.rows.frame:
        return []
    try:
        moved = first_order(fitted.result, fitted.rows.frame["participant"])
        weights = estimation.coefficients_of(fitted, hypothesis.contrast)
    except (ModelError, ValueError, ArithmeticError):
        return []
    se = fitted.result.fixed["se"].to_numpy(dtype=np.float64)
    change = pd.Series(np.abs(moved.iloc[:, 1:].to_numpy(dtype=np.float64) * se @ weights.ravel()))
    order = change.sort_values(ascending=False, kind="stable").index[:TRIED]
    return [moved.iloc[int(place), 0] for place in order]


def _estimates_without(asking: list[Hypothesis], fitted: Fitted, who: object) -> list[Quantity | None]:
    """The contrasts without one participant; None where the model then has no fit."""
    try:
        again = estimation.without(fitted, who)
    except (ModelError, ValueError, ArithmeticError):
        return [None] * len(asking)
    return [None if again.unusable else _contrast(again, hypothesis) for hypothesis in asking]


def _contrast(fitted: Fitted, hypothesis: Hypothesis) -> Quantity | None:
    try:
        return estimation.contrast_of(fitted, hypothesis.contrast)
    except (ModelError, ValueError, ArithmeticError):
        return None
