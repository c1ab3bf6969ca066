"""How well votes give back a true order: Kendall's tau of the estimated strengths, and coverage of their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from scipy.stats import kendalltau

from analysis import moral_graph
from analysis.moral_graph import pairwise


@dataclass(frozen=True)
class Recovery:
    """One case. tau: between true and estimated order of its values. covered: values whose interval of the position
    holds the true position; strengths: likewise for the strength, both centred on their mean."""

    case: str
    values: int
    votes: int
    tau: float
    covered: int
    strengths: int


def recover(votes: pd.DataFrame, truth: Mapping[str, float], *, seed: int = 0) -> list[Recovery]:
    """Fit the pairwise model to the votes of each case and compare. Raises ValueError where a case cannot be fitted."""
    return [_one(str(case), part, truth, seed) for case, part in votes.groupby("case")]


def _one(case: str, votes: pd.DataFrame, truth: Mapping[str, float], seed: int) -> Recovery:
    fit = pairwise.fit(moral_graph.encode(moral_graph.check(votes)), seed=seed)
    table = fit.strengths.assign(true=fit.strengths["value"].map(dict(truth)))
    place = table["true"].rank(ascending=False)
    centred = table["true"] - table["true"].mean()
    return Recovery(
        case=case,
        values=len(table),
        votes=len(votes),
        tau=float(kendalltau(table["true"], table["strength"]).statistic),
        covered=int(place.between(table["position_low"], table["position_high"]).sum()),
        strengths=int(centred.between(table["low"], table["high"]).sum()),
    )


def told(found: list[Recovery]) -> str:
    """The figures in lines for a terminal."""
    lines = [
        f"{one.case}: {one.votes} votes on {one.values} values, Kendall's tau {one.tau:.2f}; true strength in its "
        f"95 % interval for {one.strengths} of {one.values}, true place in its for {one.covered}"
        for one in found
    ]
    mean = sum(one.tau * one.values for one in found) / max(sum(one.values for one in found), 1)
    return "\n".join([*lines, f"all cases: mean tau {mean:.2f}"])
