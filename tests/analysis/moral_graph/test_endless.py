"""The graph of endless votes: by hand, and as what a very large study gives."""

import numpy as np
import pandas as pd
import pytest

from analysis import moral_graph
from analysis.moral_graph.endless import endless
from tests.analysis.moral_graph.voters import shares, vote, world


def test_a_single_edge_by_hand() -> None:
    """b is 3 logits above a: a edge a to b; c is as wise as b and has no edge."""
    stories = pd.DataFrame(
        [("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")], columns=["from_value", "to_value"]
    )
    found = endless(stories, {"a": 0.0, "b": 3.0, "c": 3.0}, acquiescence=0.0, spread=0.0, tie=-1.0)
    assert found.to_dict() == pytest.approx({"a": 1 / 2.85, "b": 1.85 / 2.85, "c": 0.0})


def test_an_edge_needs_the_likelihood_of_the_rule() -> None:
    """Of the four answers (w - l) / (w + n + u + l), one direction's shares and the other's "wiser"."""
    stories = pd.DataFrame([("a", "b"), ("b", "a")], columns=["from_value", "to_value"])
    for gap in (0.6, 1.0, 1.2, 2.0):
        (there, back) = shares(np.array([gap, -gap]), -0.6)
        parts = np.array([*there, back[0]])
        entropy = -(parts / parts.sum() * np.log2(parts / parts.sum())).sum()
        kept = (there[0] - back[0]) / parts.sum() >= 0.33 and entropy <= 1.69
        found = endless(stories, {"a": 0.0, "b": gap}, acquiescence=0.0, spread=0.0, tie=-0.6)
        assert (found["b"] > 0) == kept


def test_a_very_large_study_comes_near() -> None:
    truth = world(6, 9, 3.0, np.random.default_rng(2))
    values = moral_graph.build(
        vote(truth, np.random.default_rng(3), people=30_000, each=4), resamples=0
    ).values
    found = values.set_index("value")["rank"].reindex(range(6), fill_value=0.0)
    assert found.to_numpy() == pytest.approx(truth.ranks(), abs=0.01)


def test_a_value_without_a_strength_is_refused() -> None:
    with pytest.raises(KeyError, match="b"):
        endless(
            pd.DataFrame([("a", "b")], columns=["from_value", "to_value"]),
            {"a": 0.0},
            acquiescence=0.0,
            spread=0.0,
            tie=0.0,
        )
