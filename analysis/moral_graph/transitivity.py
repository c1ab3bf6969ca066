"""Do the votes fit one order? A test of what PageRank and the pairwise model both assume.

One strength per value says that the odds of b over a and of c over b fix those of c over a. The test asks
whether giving each compared pair an effect of its own would fit better: a score test of all pair effects,
after the strengths, acquiescence and participants have explained what they can. Its reference distribution
comes from flipping the sign of each participant's contribution at random, which needs no large number of
votes per pair and allows for a participant's votes belonging together.
"""

from dataclasses import dataclass

import networkx
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from analysis.moral_graph.likelihood import Likelihood, strength_design
from analysis.moral_graph.pairwise import PRIOR_SD, PairwiseFit
from analysis.moral_graph.votes import Ballots

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Transitivity:
    """statistic: sum of squared standardised pair effects; df: independent cycles of comparisons;
    p: of the statistic if one order holds, by `draws` sign flips; triads: triples of values that were all
    compared with each other and have a winner each; circular: those of them in which the winners run in a
    circle. Of triads that fit one order some are circular by chance: the test is p, not their share."""

    statistic: float
    df: int
    p: float
    draws: int
    triads: int
    circular: int


def transitivity(
    ballots: Ballots,
    fitted: PairwiseFit,
    *,
    draws: int = 999,
    prior_sd: float = PRIOR_SD,
    seed: int | np.random.Generator = 0,
) -> Transitivity:
    """Test of the fitted pairwise model against an effect for every compared pair.

    Raises ValueError when no three values were compared in a circle: then any votes fit one order.
    """
    ends, pair, sign = unordered(ballots)
    looped = in_cycle(ends, len(ballots.values))
    df = len(ends) - (len(ballots.values) - 1)
    if not looped.any():
        raise ValueError("the comparisons form no cycle: every set of answers fits one order")
    shape = (ballots.votes, len(ends))
    own = csr_array((sign, (np.arange(ballots.votes), pair)), shape=shape)[:, np.flatnonzero(looped)]
    model = Likelihood(ballots, strength_design(ballots), prior_sd)
    effects, drawn = _flipped(model, fitted.parameters, csr_array(own), draws, np.random.default_rng(seed))
    beyond = int((drawn >= effects - 1e-9).sum())
    triads, circular = circles(ballots)
    return Transitivity(effects, df, (1 + beyond) / (1 + draws), draws, triads, circular)


def unordered(ballots: Ballots) -> tuple[Ints, Ints, Floats]:
    """Compared pairs without direction (pairs, 2), and for each vote its pair and its direction, +1 or -1."""
    ends = np.sort(np.stack([ballots.source, ballots.target], axis=1), axis=1)
    distinct, which = np.unique(ends, axis=0, return_inverse=True)
    sign = np.where(ballots.source < ballots.target, 1.0, -1.0)
    return distinct, which.ravel()[ballots.pair], sign[ballots.pair]


def in_cycle(ends: Ints, values: int) -> NDArray[np.bool_]:
    """Which undirected comparisons lie on a cycle, shape (pairs,); the others always fit."""
    graph = networkx.Graph()
    graph.add_nodes_from(range(values))
    graph.add_edges_from(ends.tolist())
    bridges = {tuple(sorted(bridge)) for bridge in networkx.bridges(graph)}
    return np.array([tuple(pair) not in bridges for pair in ends.tolist()])


def _flipped(
    model: Likelihood, at: Floats, own: csr_array, draws: int, rng: np.random.Generator
) -> tuple[float, Floats]:
    """The statistic, and its values when participants' contributions are flipped at random, (draws,)."""
    information, kept = model.determined(at)
    base = model.scores(at)[:, :kept]
    extra = model.scores(at, own)[:, : own.shape[1]]
    block = model.information(at, own)[:, :kept]
    known = cho_factor(information)
    passed = cho_solve(known, block.T).T  # how much of each pair's score the parameters account for
    people = model.people
    flips = np.concatenate([np.ones((1, people)), rng.choice([-1.0, 1.0], size=(draws, people))])
    sums = np.asarray(flips @ extra) - np.asarray(flips @ base) @ passed.T
    cross = np.asarray((extra.T @ base).toarray())
    within = (base.T @ base).toarray()
    variance = extra.power(2).sum(axis=0) - 2 * (cross * passed).sum(axis=1)
    variance = variance + ((passed @ within) * passed).sum(axis=1)
    usable = variance > 1e-8 * max(1.0, float(variance.max()))
    statistics = (sums[:, usable] ** 2 / variance[usable]).sum(axis=1)
    return float(statistics[0]), statistics[1:]


def circles(ballots: Ballots) -> tuple[int, int]:
    """Triads with three winners, and how many of them run in a circle.

    A pair's winner is the value with more "wiser" less "not wiser" in its favour, in both directions.
    """
    size = len(ballots.values)
    worth = np.array([1.0, -1.0, 0.0])[ballots.verdict]
    net = np.zeros((size, size))
    np.add.at(net, (ballots.source[ballots.pair], ballots.target[ballots.pair]), worth)
    beats = csr_array((net.T - net > 0).astype(np.int64))  # beats[b, a]: b won against a
    decided = csr_array(beats + beats.T)
    circular = int((beats @ beats).multiply(beats.T).sum()) // 3
    return int((decided @ decided).multiply(decided).sum()) // 6, circular
