"""The published rule to 1e-9 by a literal second computation, and the corrected one by hand."""

from collections import defaultdict
from math import log2

import numpy as np
import pandas as pd
import pytest

from analysis import moral_graph
from analysis.moral_graph.rules import Counts, bits
from tests.analysis.moral_graph.voters import many, scattered, votes


def literal_legacy(rows: list[tuple[str, str, str]]) -> tuple[dict, dict]:
    """The published rule as moral-graph.md words it, with dictionaries: edges and ranks."""
    counts: dict = defaultdict(
        lambda: dict.fromkeys(("wiser", "not_wiser", "less_wise", "unsure", "impressions"), 0)
    )
    for a, b, verdict in rows:
        counts[a, b]["impressions"] += 1
        counts[b, a]["impressions"] += 1
        counts[a, b][verdict] += 1
        if verdict == "wiser":
            counts[b, a]["less_wise"] += 1
    edges = {}
    for pair, c in counts.items():
        answers = c["wiser"] + c["not_wiser"] + c["unsure"] + c["less_wise"]
        likelihood = (c["wiser"] - c["less_wise"]) / answers if answers else 0.0
        total = sum(c.values())
        entropy = sum(-n / total * log2(n / total) for n in c.values() if n)
        if c["wiser"] >= 2 and likelihood >= 0.33 and entropy <= 1.69:
            edges[pair] = {**c, "likelihood": likelihood, "entropy": entropy}
    nodes = {value for pair in edges for value in pair}
    rank = dict.fromkeys(nodes, 1 / len(nodes)) if nodes else {}
    for _ in range(100):
        fresh = dict.fromkeys(nodes, 0.15 / len(nodes)) if nodes else {}
        for (a, b), edge in edges.items():
            leaving = sum(other["likelihood"] for (start, _), other in edges.items() if start == a)
            fresh[b] += 0.85 * rank[a] * edge["likelihood"] / leaving
        rank = fresh
    return edges, rank


def triples(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    return list(zip(frame["from_value"], frame["to_value"], frame["verdict"], strict=True))


@pytest.mark.parametrize("seed", range(6))
def test_legacy_equals_the_literal_rule(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = scattered(rng, number=int(rng.integers(20, 1200)), values=int(rng.integers(3, 14)))
    edges, rank = literal_legacy(triples(frame))
    graph = moral_graph.build(frame, rule="legacy", resamples=0)
    found = graph.edges.set_index(["from_value", "to_value"])
    assert set(found.index) == set(edges)
    for pair, edge in edges.items():
        for name, number in edge.items():
            assert found.loc[pair, name] == pytest.approx(number, abs=1e-9)
    ranks = dict(zip(graph.values["value"], graph.values["rank"], strict=True))
    assert ranks == pytest.approx(rank, abs=1e-9)
    wisdom = dict(zip(graph.values["value"], graph.values["wisdom"], strict=True))
    incoming = {v: sum(e["likelihood"] for (_, b), e in edges.items() if b == v) for v in rank}
    assert wisdom == pytest.approx(incoming, abs=1e-9)


def test_legacy_loses_the_rank_of_values_without_an_outgoing_edge() -> None:
    graph = moral_graph.build(many(("a", "b", 10, 0, 0)), rule="legacy", resamples=0)
    ranks = dict(zip(graph.values["value"], graph.values["rank"], strict=True))
    assert ranks["a"] == pytest.approx(0.075, abs=1e-12)
    assert ranks["b"] == pytest.approx(0.075 + 0.85 * 0.075, abs=1e-12)
    whole = moral_graph.build(many(("a", "b", 10, 0, 0)), resamples=0).values
    assert whole["rank"].sum() == pytest.approx(1, abs=1e-12)
    assert whole["rank"].iloc[0] == pytest.approx(1.85 / 2.85, abs=1e-12)


def test_counts_likelihood_and_entropy_by_hand() -> None:
    graph = moral_graph.build(many(("a", "b", 6, 1, 1), ("b", "a", 1, 2, 0)), resamples=0)
    row = graph.pairs.set_index(["from_value", "to_value"]).loc[("a", "b")]
    assert row[["wiser", "not_wiser", "unsure", "less_wise", "impressions"]].tolist() == [6, 1, 1, 1, 11]
    assert row["likelihood"] == pytest.approx(5 / 9)
    assert row["entropy"] == pytest.approx(-(6 / 9) * log2(6 / 9) - 3 * (1 / 9) * log2(1 / 9))
    assert row["share"] == pytest.approx(6 / 8)
    legacy = moral_graph.build(
        many(("a", "b", 6, 1, 1), ("b", "a", 1, 2, 0)), rule="legacy", resamples=0
    ).pairs
    entropy = legacy.set_index(["from_value", "to_value"]).loc[("a", "b"), "entropy"]
    parts = np.array([6, 1, 1, 1, 11]) / 20
    assert entropy == pytest.approx(-(parts * np.log2(parts)).sum())


def test_the_impressions_mistake_drops_edges_that_the_corrected_rule_keeps() -> None:
    frame = many(("a", "b", 6, 2, 1), ("b", "a", 1, 0, 0))
    assert moral_graph.build(frame, rule="legacy", resamples=0).edges.empty
    assert len(moral_graph.build(frame, rule="corrected", resamples=0).edges) == 1


@pytest.mark.parametrize(
    ("counts", "kept"),
    [
        (("a", "b", 1, 0, 0), False),  # one vote is not enough
        (("a", "b", 2, 0, 0), True),
        (("a", "b", 2, 2, 2), True),  # likelihood 1/3
        (("a", "b", 32, 65, 0), False),  # likelihood 0.3299
    ],
)
def test_thresholds_keep_and_drop(counts: tuple[str, str, int, int, int], kept: bool) -> None:
    assert bool(moral_graph.build(many(counts), resamples=0).pairs["kept"].iloc[0]) == kept


def test_a_pair_on_the_threshold_of_likelihood_is_kept() -> None:
    counts = Counts(*(np.array([number]) for number in (33.0, 67.0, 0.0, 0.0, 100.0)))
    assert counts.likelihood[0] == 0.33
    assert counts.kept(moral_graph.CORRECTED).tolist() == [True]


def test_bits_against_scipy() -> None:
    from scipy.stats import entropy

    counts = np.random.default_rng(0).integers(0, 9, size=(4, 50)).astype(float)
    counts[0] += 1
    assert bits(counts) == pytest.approx(entropy(counts, base=2, axis=0), abs=1e-12)


def test_wilson_against_statsmodels() -> None:
    from statsmodels.stats.proportion import proportion_confint

    hits, n = np.array([0.0, 3, 7, 10]), np.array([10.0, 10, 11, 10])
    low, high = moral_graph.wilson(hits, n, 0.9)
    expected = proportion_confint(hits, n, alpha=0.1, method="wilson")
    assert low == pytest.approx(expected[0], abs=1e-12)
    assert high == pytest.approx(expected[1], abs=1e-12)


def test_a_context_a_case_and_a_group_are_graphs_of_their_own_votes() -> None:
    frame = scattered(np.random.default_rng(8), number=900)
    frame["group"] = np.where(frame["participant"].str[-1].isin(list("02468")), "even", "odd")
    frame["case"] = np.where(frame["context"] == "When late", "one", "two")
    for name, label in (("context", "When late"), ("group", "odd"), ("case", "two")):
        part = frame[frame[name] == label]
        whole = moral_graph.build(frame, resamples=20, seed=1, **{name: label})
        alone = moral_graph.build(part, resamples=20, seed=1)
        pd.testing.assert_frame_equal(whole.values, alone.values)
        pd.testing.assert_frame_equal(whole.edges, alone.edges)


def test_edges_name_the_contexts_of_both_directions() -> None:
    frame = votes(
        ("p", "a", "b", "wiser", "x"),
        ("q", "a", "b", "wiser", "y"),
        ("r", "b", "a", "unsure", "z"),
        ("r", "c", "b", "unsure", "w"),
    )
    assert moral_graph.build(frame, resamples=0).edges["contexts"].tolist() == [("x", "y", "z")]


def test_votes_without_agreement_are_a_graph_without_edges() -> None:
    graph = moral_graph.build(votes(("p", "a", "b", "not_wiser"), ("q", "a", "b", "unsure")))
    assert graph.edges.empty
    assert graph.values.empty
    assert graph.winner is None
    assert set(graph.left_out) == {"a", "b"}
    assert graph.positions().empty


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"rule": "Legacy"}, "rule is 'Legacy': legacy or corrected"),
        ({"level": 95}, "level is 95"),
        ({"resamples": -1}, "resamples is -1"),
        ({"resamples": 1}, "resamples is 1"),
    ],
)
def test_wrong_requests_are_refused(asked: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        moral_graph.build(many(("a", "b", 3, 0, 0)), **asked)
