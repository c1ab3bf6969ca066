"""PageRank against networkx, and its distribution over participants drawn anew."""

import networkx
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from analysis import moral_graph
from analysis.moral_graph import CORRECTED, LEGACY, ranks
from tests.analysis.moral_graph.voters import many, scattered


@pytest.mark.parametrize("seed", range(5))
def test_corrected_ranks_equal_networkx(seed: int) -> None:
    frame = scattered(np.random.default_rng(seed), values=30, number=4000, people=300)
    graph = moral_graph.build(frame, resamples=0)
    reference = networkx.DiGraph()
    for edge in graph.edges.to_dict("records"):
        reference.add_edge(edge["from_value"], edge["to_value"], weight=edge["likelihood"])
    expected = networkx.pagerank(reference, alpha=0.85, tol=1e-15, max_iter=2000, weight="weight")
    found = dict(zip(graph.values["value"], graph.values["rank"], strict=True))
    assert found == pytest.approx(expected, abs=1e-10)
    assert sum(found.values()) == pytest.approx(1, abs=1e-12)


def test_ranks_solve_their_own_equation() -> None:
    """A second route without iteration: the linear system, with the dangling rank spread evenly."""
    rng = np.random.default_rng(2)
    dense = rng.random((12, 12)) * (rng.random((12, 12)) < 0.2)
    np.fill_diagonal(dense, 0)
    source, target = np.nonzero(dense)
    found = ranks.pagerank(source, target, dense[source, target], 12, CORRECTED)
    leaving = dense.sum(axis=1, keepdims=True)
    passed = np.where(leaving > 0, dense / np.where(leaving > 0, leaving, 1), 1 / 12)
    expected = np.linalg.solve(np.eye(12) - 0.85 * passed.T, np.full(12, 0.15 / 12))
    assert found == pytest.approx(expected, abs=1e-12)


def test_legacy_stops_after_a_hundred_rounds_converged_or_not() -> None:
    source, target = np.array([0, 1, 2]), np.array([1, 0, 0])
    found = ranks.pagerank(source, target, np.ones(3), 3, LEGACY)
    rank = np.full(3, 1 / 3)
    for _ in range(100):
        rank = 0.05 + 0.85 * np.array([rank[1] + rank[2], rank[0], 0])
    assert found == pytest.approx(rank, abs=1e-15)


def test_a_graph_without_values_or_with_a_weight_of_nothing_is_refused() -> None:
    none = np.zeros(0, dtype=int)
    with pytest.raises(ValueError, match="no value"):
        ranks.pagerank(none, none, np.zeros(0), 0, CORRECTED)
    with pytest.raises(ValueError, match="positive"):
        ranks.pagerank(np.array([0]), np.array([1]), np.array([0.0]), 2, CORRECTED)


def test_the_same_seed_gives_the_same_intervals_and_another_does_not() -> None:
    frame = scattered(np.random.default_rng(1))
    one, same, other = (moral_graph.build(frame, seed=seed, resamples=50) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one.resampled, same.resampled)
    assert not one.resampled.equals(other.resampled)


def test_a_resample_is_a_graph_of_repeated_participants() -> None:
    """The fast path with counts against a graph built from the drawn votes themselves."""
    frame = scattered(np.random.default_rng(6), people=15, number=300)
    ballots = moral_graph.encode(moral_graph.check(frame))
    people = len(ballots.participants)
    found = ranks.resample(ballots, CORRECTED, 5, np.random.default_rng(9))
    rng = np.random.default_rng(9)
    for row in found:
        drawn = rng.integers(people, size=people)
        parts = [
            frame[frame["participant"] == ballots.participants[one]].assign(participant=f"{place}")
            for place, one in enumerate(drawn)
        ]
        graph = moral_graph.build(pd.concat(parts, ignore_index=True), resamples=0)
        expected = graph.values.set_index("value")["rank"].reindex(ballots.values).to_numpy()
        assert row == pytest.approx(expected, rel=1e-4, nan_ok=True)


def test_a_value_that_drops_out_is_counted_not_ranked_zero() -> None:
    """With three supporters among ten, an edge survives a resample when at least two are drawn."""
    frame = many(("a", "b", 3, 0, 0), ("c", "d", 7, 0, 0))
    graph = moral_graph.build(frame, resamples=4000, seed=3)
    present = dict(zip(graph.values["value"], graph.values["present"], strict=True))
    assert present["b"] == pytest.approx(binom.sf(1, 10, 0.3), abs=0.02)
    assert present["d"] > 0.999
    low = dict(zip(graph.values["value"], graph.values["low"], strict=True))
    assert low["d"] > 0.1
    assert low["b"] == 0, "in more than 1 of 40 resamples without an edge: the interval says so"
    assert np.nansum(graph.resampled.to_numpy(), axis=1) == pytest.approx(1, abs=1e-9)


def test_positions_are_shares_and_agree_with_the_table() -> None:
    graph = moral_graph.build(scattered(np.random.default_rng(3)), resamples=100)
    positions = graph.positions()
    assert positions.sum(axis=1).to_numpy() == pytest.approx(1)
    assert positions[1.0].to_numpy() == pytest.approx(graph.values["first"].to_numpy())
    assert (graph.values["position_low"] <= graph.values["position_high"]).all()
    assert (graph.values["low"] <= graph.values["high"]).all()
    assert graph.values["position"].iloc[0] == 1


def test_a_value_outside_the_graph_has_an_interval_too() -> None:
    """Two of eight say wiser, too few for an edge; in some resamples there are enough."""
    frame = many(("a", "b", 2, 4, 2), ("c", "d", 7, 0, 0))
    graph = moral_graph.build(frame, resamples=500, seed=3)
    outside = graph.outside.set_index("value")
    assert set(graph.left_out) == {"a", "b"}
    assert (outside[["rank", "low", "wisdom"]] == 0).all().all()
    assert (outside["high"] > 0.1).all() and (outside["position"] == 3).all()
    assert outside["present"].between(0.05, 0.5).all() and outside["position_low"]["b"] <= 2
    assert graph.resampled.columns.tolist() == [*graph.values["value"], *graph.left_out]


def test_without_resamples_intervals_are_missing() -> None:
    values = moral_graph.build(many(("a", "b", 3, 0, 0)), resamples=0).values
    assert values[["low", "high", "first", "present"]].isna().all().all()
