"""How often 95 % intervals hold the truth of simulated voters: strengths, places, ranks in the graph.

The designs were fixed before they were run. `pytest -m soak tests/analysis/moral_graph/test_coverage.py -s` prints the
table of docs/explanation/moral-graph.md.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pytest

from analysis import moral_graph
from analysis.moral_graph import pairwise
from tests.analysis.moral_graph.voters import World, vote, world

SLACK = 1e-4  # of a rank: resamples iterate to 1e-5


@dataclass(frozen=True)
class Covered:
    """Per study and value, whether an interval held the truth; (studies, values) each."""

    truth: World
    strengths: np.ndarray
    places: np.ndarray
    ranks: np.ndarray
    habits: np.ndarray

    def told(self, name: str) -> str:
        inside = self.truth.ranks() > 0
        parts = [("strengths", self.strengths), ("places", self.places)]
        parts += [("ranks", self.ranks[:, inside]), ("ranks outside", self.ranks[:, ~inside])]
        return f"{name}: " + ", ".join(f"{label} {share(part)}" for label, part in parts if part.size)


def share(covered: np.ndarray) -> str:
    """Percent with twice its Monte-Carlo error; the intervals of one study go together."""
    error = covered.mean(axis=1).std(ddof=1) / np.sqrt(len(covered))
    return f"{covered.mean():.1%} ± {2 * error:.1%} (worst {covered.mean(axis=0).min():.0%})"


def simulate(truth: World, rng: np.random.Generator, studies: int, *, people: int, each: int) -> Covered:
    held: dict[str, list[np.ndarray]] = {"strengths": [], "places": [], "ranks": [], "habits": []}
    centred, ranks = truth.strength - truth.strength.mean(), truth.ranks()
    best = 1 + (truth.strength[None] > truth.strength[:, None] + 1e-9).sum(axis=1)
    worst = (truth.strength[None] >= truth.strength[:, None] - 1e-9).sum(axis=1)
    for _ in range(studies):
        votes = vote(truth, rng, people=people, each=each)
        fitted = pairwise.fit(moral_graph.encode(moral_graph.check(votes)), seed=rng)
        table = fitted.strengths.sort_values("value")
        held["strengths"].append((table["low"] <= centred) & (centred <= table["high"]))
        held["places"].append((table["position_low"] <= worst) & (best <= table["position_high"]))
        habits = zip(
            (fitted.acquiescence, fitted.tie), (truth.acquiescence, truth.tie), strict=True
        )  # the spread of none is at its limit, without an interval
        held["habits"].append(np.array([one.low <= true <= one.high for one, true in habits]))
        graph = moral_graph.build(votes, resamples=200, seed=rng)
        rows = pd.concat([graph.values, graph.outside]).sort_values("value")
        held["ranks"].append((rows["low"] - SLACK <= ranks) & (ranks <= rows["high"] + SLACK))
    return Covered(truth, **{name: np.array(rows) for name, rows in held.items()})


DESIGNS: dict[str, tuple[dict[str, float], dict[str, int]]] = {
    "500 people, 3 votes": ({}, {"people": 500, "each": 3}),
    "500 people, 6 votes": ({}, {"people": 500, "each": 6}),
    "200 people, 3 votes": ({}, {"people": 200, "each": 3}),
    "1,000 people, 3 votes": ({}, {"people": 1000, "each": 3}),
    "few pairs": ({"pairs": 25}, {"people": 500, "each": 3}),
    "yes-sayers of all kinds": ({"spread": 1.5}, {"people": 500, "each": 3}),
    "yes-sayers of one kind": ({"spread": 0.0}, {"people": 500, "each": 3}),
    "strengths far apart": ({"reach": 5.0}, {"people": 500, "each": 3}),
    "strengths close together": ({"reach": 0.3}, {"people": 500, "each": 3}),
    "equal strengths": ({"reach": 0.0}, {"people": 500, "each": 3}),
}


@cache
def design(name: str, studies: int) -> Covered:
    shape, size = DESIGNS[name]
    rng = np.random.default_rng(list(DESIGNS).index(name))
    habits = {"values": 20, "pairs": 60, "reach": 2.0, **shape}
    truth = world(habits.pop("values"), habits.pop("pairs"), habits.pop("reach"), rng, **habits)
    return simulate(truth, rng, studies, **size)


def test_intervals_cover_the_true_strengths() -> None:
    """Short version of the soak test below; the tolerance is four Monte-Carlo errors of 40 studies."""
    rng = np.random.default_rng(2026)
    covered = simulate(world(10, 20, 1.5, rng), rng, 40, people=150, each=6)
    assert 0.90 <= covered.strengths.mean() <= 0.985
    assert covered.places.mean() >= 0.95
    assert 0.88 <= covered.habits.mean() <= 1


def test_intervals_cover_where_values_win_nearly_everything() -> None:
    """A tree of comparisons with gaps of up to 6 logits: residuals alone would cover at 85 to 90 %."""
    strength = np.array([-4.0, -3.5, -1.0, 1.0, 3.0, 4.5])
    pairs = np.array([[0, 1], [1, 5], [2, 3], [3, 4], [0, 2]])
    truth = World(strength, pairs, acquiescence=0.5, spread=0.5, tie=-0.6)
    covered = simulate(truth, np.random.default_rng(6), 40, people=150, each=3)
    assert 0.92 <= covered.strengths.mean() <= 0.995


@pytest.mark.soak
@pytest.mark.parametrize("name", DESIGNS)
def test_intervals_cover_at_the_nominal_rate(name: str) -> None:
    covered = design(name, 100)
    print("\n" + covered.told(name), end=" ")
    assert 0.93 <= covered.strengths.mean() <= 0.97
    assert covered.places.mean() >= 0.95
    assert covered.places.mean(axis=0).min() >= 0.92  # of each value: its place is never the easy one's cover
    assert 0.91 <= covered.habits.mean() <= 0.985
