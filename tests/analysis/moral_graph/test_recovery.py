"""Simulated voters of a known order at the size of the published run."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from analysis import moral_graph
from analysis.moral_graph import pairwise
from tests.analysis.moral_graph.voters import vote, world


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_five_hundred_participants_reveal_the_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = world(20, 60, 2.0, rng)
    ballots = moral_graph.encode(moral_graph.check(vote(truth, rng, people=500, each=6)))
    table = pairwise.fit(ballots).strengths.sort_values("value")
    assert kendalltau(table["strength"], truth.strength).statistic >= 0.8


def test_pagerank_agrees_with_the_order_though_less() -> None:
    rng = np.random.default_rng(4)
    truth = world(20, 60, 2.0, rng)
    values = moral_graph.build(vote(truth, rng, people=500, each=6), resamples=0).values
    assert kendalltau(values["rank"], truth.strength[values["value"].astype(int)]).statistic >= 0.5
