"""How well votes give back a true order: Kendall's tau of the estimated strengths, and coverage of the intervals of
strengths, places and ranks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from analysis import moral_graph
from analysis.moral_graph import pairwise

RESAMPLES = 1000
ROUNDING = (
    1e-4  # of a rank: resamples iterate to 1e-5, and where a rank hangs on few edges it repeats exactly
)


@dataclass(frozen=True)
class Recovery:
    """One case. tau: between true and estimated order of its values; pairs: of all pairs of its values, how many stand
    in their order, which is what tau counts; fewest: votes on the compared pair that got fewest, in both directions.
    Values whose 95 % interval holds the truth, covered: of the position; strengths: of the strength, centred on the
    mean; ranks: of the rank in the graph, whose truth is the graph of endless votes."""

    case: str
    values: int
    votes: int
    tau: float
    pairs: int
    fewest: int
    covered: int
    strengths: int
    ranks: int


def recover(
    votes: pd.DataFrame,
    truth: Mapping[str, float],
    ranks: Mapping[str, Mapping[str, float]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Recovery]:
    """Fit the pairwise model and the graph to the votes of each case and compare.

    truth: strength of each value; ranks: of each case, its values' ranks in the graph of endless votes. resamples:
    of the graph's intervals. Raises ValueError where a case cannot be fitted.
    """
    return [
        _one(str(case), part, truth, ranks[str(case)], resamples, seed)
        for case, part in votes.groupby("case")
    ]


def _one(
    case: str,
    votes: pd.DataFrame,
    truth: Mapping[str, float],
    ranks: Mapping[str, float],
    resamples: int,
    seed: int,
) -> Recovery:
    graph = moral_graph.build(votes, resamples=resamples, seed=seed)
    rows = pd.concat([graph.values, graph.outside])
    ranked = rows["value"].map(dict(ranks)).between(rows["low"] - ROUNDING, rows["high"] + ROUNDING)
    fit = pairwise.fit(moral_graph.encode(moral_graph.check(votes)), seed=seed)
    table = fit.strengths.assign(true=fit.strengths["value"].map(dict(truth)))
    place = table["true"].rank(ascending=False)
    centred = table["true"] - table["true"].mean()
    return Recovery(
        case=case,
        values=len(table),
        votes=len(votes),
        tau=float(kendalltau(table["true"], table["strength"]).statistic),
        pairs=_in_order(table["true"], table["strength"]),
        fewest=int(both_ways(votes).min()),
        covered=int(place.between(table["position_low"], table["position_high"]).sum()),
        strengths=int(centred.between(table["low"], table["high"]).sum()),
        ranks=int(ranked.sum()),
    )


def both_ways(votes: pd.DataFrame) -> pd.Series:
    """Votes on each pair of values, in both directions together."""
    ends = np.sort(votes[["from_value", "to_value"]].astype(str).to_numpy(), axis=1)
    return pd.DataFrame(ends, columns=["one", "other"]).value_counts()


def _in_order(true: pd.Series, estimated: pd.Series) -> int:
    """Pairs of values that both orders put the same way round."""
    apart, told_apart = (one.to_numpy()[:, None] - one.to_numpy() for one in (true, estimated))
    return int((apart * told_apart > 0).sum()) // 2


def pooled(found: list[Recovery]) -> float:
    """Kendall's tau over all pairs of values that stand in one case: the votes order no others."""
    total = sum(one.values * (one.values - 1) // 2 for one in found)
    return 2 * sum(one.pairs for one in found) / total - 1 if total else 0.0


def told(found: list[Recovery]) -> str:
    """The figures in lines for a terminal."""
    lines = []
    for one in found:
        of = one.values * (one.values - 1) // 2
        lines.append(
            f"{one.case}: {one.votes} votes on {one.values} values, at least {one.fewest} on each compared pair; "
            f"Kendall's tau {one.tau:.2f} ({one.pairs} of {of} pairs of values in their order, each wrong one takes "
            f"{2 / of:.2f}); true strength in its 95 % interval for {one.strengths} of {one.values}, true place in its "
            f"for {one.covered}, rank of endless votes in its for {one.ranks}"
        )
    mean = sum(one.tau * one.values for one in found) / max(sum(one.values for one in found), 1)
    return "\n".join(
        [
            *lines,
            f"all cases: mean tau {mean:.2f}, over all pairs of values within a case {pooled(found):.2f}",
        ]
    )
