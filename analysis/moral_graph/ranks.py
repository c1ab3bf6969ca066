"""PageRank over kept edges, and its distribution when participants are drawn anew."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array
from tqdm import tqdm

from analysis.moral_graph.rules import Rule, answers, tally
from analysis.moral_graph.votes import Ballots

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

LEGACY_ITERATIONS = 100  # the published computation stops there, converged or not
CLOSE_ENOUGH = 1e-13  # largest change of a rank, relative to the mean rank, at which iterating stops
CLOSE_ENOUGH_RESAMPLED = 1e-5  # of a resample, whose ranks differ in the second digit
MOST_ITERATIONS = 1000
FEW = 64  # values


def pagerank(
    source: Ints, target: Ints, weight: Floats, nodes: int, rule: Rule, close: float = CLOSE_ENOUGH
) -> Floats:
    """PageRank of `nodes` values over weighted edges from the less wise to the wiser value: (nodes,).

    A value passes its rank on along its outgoing edges in proportion to their weight. Under the legacy
    rule the rank of a value without such an edge is lost, so that ranks sum to less than 1, and there
    are exactly 100 rounds from equal ranks. Otherwise it is spread over all values; as that is the same
    spread as the restart's, the result is the lossy limit scaled to sum 1.
    Raises ValueError without nodes or with a weight that is not positive.
    Source: Brin and Page 1998; weighted as in networkx.pagerank.
    """
    if nodes < 1:
        raise ValueError("there is no value to rank")
    if np.any(weight <= 0):
        raise ValueError("edge weights are positive")
    passed = _transition(source, target, weight, nodes) * rule.damping
    restart = (1 - rule.damping) / nodes
    rank = np.full(nodes, 1 / nodes)
    if rule.dangling_dropped:
        for _ in range(LEGACY_ITERATIONS):
            rank = restart + passed @ rank
        return rank
    for _ in range(MOST_ITERATIONS):
        before, rank = rank, restart + passed @ rank
        if np.abs(rank - before).max() < close / nodes:
            break
    whole: Floats = rank / rank.sum()
    return whole


def _transition(source: Ints, target: Ints, weight: Floats, nodes: int) -> csc_array | Floats:
    """Column-stochastic matrix (nodes, nodes): entry (b, a) is the share of a's rank that goes to b.

    Dense where there are few values: making a sparse one then takes longer than all that is done with it.
    """
    outgoing = np.bincount(source, weights=weight, minlength=nodes)
    if nodes <= FEW:
        dense = np.zeros((nodes, nodes))
        dense[target, source] = weight / outgoing[source]
        return dense
    order = np.argsort(source, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=nodes))])
    shares = (weight / outgoing[source])[order]
    return csc_array((shares, target[order], start), shape=(nodes, nodes))


@dataclass(frozen=True, slots=True)
class Scores:
    """Ranks of the values of one graph: which values are in it, and their rank and wisdom.

    present: value codes in the graph, ascending. rank, wisdom: shape (present,).
    """

    present: Ints
    rank: Floats
    wisdom: Floats


def score(ballots: Ballots, cells: Floats, rule: Rule, close: float = CLOSE_ENOUGH) -> Scores:
    """Rank the values that have at least one kept edge; wisdom is the sum of incoming likelihoods.

    cells: the answers to each pair, (pairs, 3).
    """
    possible = np.flatnonzero(cells[:, 0] >= rule.min_wiser)  # the others need not be counted
    counts = tally(cells, ballots.reverse, possible)
    kept = counts.kept(rule)
    weight = counts.likelihood[kept]
    edges = possible[kept]
    ends = np.concatenate([ballots.source[edges], ballots.target[edges]])
    present = np.flatnonzero(np.bincount(ends, minlength=len(ballots.values)))
    place = np.zeros(len(ballots.values), dtype=np.intp)
    place[present] = np.arange(len(present))
    ends = place[ends]
    source, target = ends[: len(weight)], ends[len(weight) :]
    if not len(present):
        return Scores(present, np.zeros(0), np.zeros(0))
    wisdom = np.bincount(target, weights=weight, minlength=len(present)).astype(np.float64)
    return Scores(present, pagerank(source, target, weight, len(present), rule, close), wisdom)


def resample(
    ballots: Ballots, rule: Rule, resamples: int, rng: np.random.Generator, *, progress: bool = False
) -> Floats:
    """Ranks when participants are drawn anew with replacement, shape (resamples, values).

    Each resample goes the whole way: counts, kept edges, PageRank. A value that drops out of the graph
    has no rank there: nan. progress: a bar on the terminal, where there is one.
    """
    if resamples < 2:
        raise ValueError(f"resamples is {resamples}: at least 2 are needed")
    people = len(ballots.participants)
    ranks = np.full((resamples, len(ballots.values)), np.nan)
    for row in tqdm(ranks, unit="resample", leave=False, disable=None if progress else True):
        drawn = np.bincount(rng.integers(people, size=people), minlength=people).astype(np.float64)
        scores = score(ballots, answers(ballots, drawn), rule, CLOSE_ENOUGH_RESAMPLED)
        row[scores.present] = scores.rank
    return ranks
