"""What stands beside the ranks, in lines for a terminal: the pairwise model's order, the habit of saying yes, whether
the votes fit one order at all, what the stories themselves do, and which upgrades every group holds."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from analysis import moral_graph
from analysis.estimate import Estimate
from analysis.moral_graph import pairwise
from analysis.moral_graph.bridging import bridging
from analysis.moral_graph.stories import story_effect
from analysis.moral_graph.transitivity import transitivity

TOP = 15


def lines(votes: pd.DataFrame, *, level: float = 0.95, seed: int = 0, top: int = TOP) -> Iterator[str]:
    """One model for each part of the values that comparisons connect; what cannot be estimated says why."""
    votes = moral_graph.check(votes)
    parts = _parts(votes)
    for number, part in enumerate(parts, start=1):
        name = f"pairwise model, part {number} of {len(parts)}" if len(parts) > 1 else "pairwise model"
        yield from _fitted(name, part, level, seed, top)
    yield _stories(votes, level, seed)
    if "group" in votes.columns:
        yield from _groups(votes, level, seed)


def _parts(votes: pd.DataFrame) -> list[pd.DataFrame]:
    ballots = moral_graph.encode(votes)
    label = dict(zip(ballots.values, pairwise.components(ballots).tolist(), strict=True))
    return [part for _label, part in votes.groupby(votes["from_value"].map(label), sort=True)]


def _fitted(name: str, votes: pd.DataFrame, level: float, seed: int, top: int) -> Iterator[str]:
    ballots = moral_graph.encode(votes)
    try:
        fit = pairwise.fit(ballots, level=level, seed=seed)
    except ValueError as reason:
        yield f"{name}: {len(votes)} votes, not estimated: {reason}"
        return
    yield (
        f"{name}: {fit.votes} votes of {fit.participants} participants on {len(fit.strengths)} values; "
        f"saying yes whichever way the story runs {_said(fit.acquiescence)} logits, "
        f"its spread between people {_said(fit.spread)}"
    )
    for row in fit.strengths.sort_values("position").head(top).to_dict("records"):
        ends = f"({row['low']:.2f} to {row['high']:.2f})"
        places = f"{row['position_low']:.0f} to {row['position_high']:.0f}"
        yield f"  {row['position']}  {row['value']}  {row['strength']:.2f} logits {ends}, positions {places}"
    try:
        test = transitivity(ballots, fit, seed=seed)
        yield f"  do the votes fit one order? p {test.p:.3f} if they do ({test.df} degrees of freedom)"
    except ValueError as reason:
        yield f"  do the votes fit one order? not testable: {reason}"


def _stories(votes: pd.DataFrame, level: float, seed: int) -> str:
    try:
        found = story_effect(votes, level=level, seed=seed)
    except ValueError as reason:
        return f"the stories' own effect: not estimated: {reason}"
    return (
        f"the stories' own effect: the share of “wiser” varies by {found.sd:.3f} ({found.low:.3f} to {found.high:.3f}) "
        f"between stories of one upgrade, p {found.p:.3f} if they do nothing; {found.stories} stories of "
        f"{found.upgrades} upgrades, {found.votes} votes"
    )


def _groups(votes: pd.DataFrame, level: float, seed: int) -> Iterator[str]:
    try:
        table = bridging(votes, level=level, seed=seed)
    except ValueError as reason:
        yield f"agreement between groups: not estimated: {reason}"
        return
    yield "upgrades by how far every group holds them:"
    for row in table.head(TOP).to_dict("records"):
        ends = f"({row['low']:.2f} to {row['high']:.2f})"
        yield (
            f"  {row['from_value']} → {row['to_value']}: {row['consensus']:.2f} {ends}, "
            f"lowest share {row['least']:.2f}, {row['n']} votes of {row['groups']} groups"
        )


def _said(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return f"{estimate.value:.2f} (at the edge of what it can be: no interval)"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"
