"""The test of one order: right about circles, silent about chance."""

import networkx
import numpy as np
import pytest

from analysis import moral_graph
from analysis.moral_graph import pairwise
from analysis.moral_graph.transitivity import circles, in_cycle, transitivity, unordered
from tests.analysis.moral_graph.voters import many, vote, world


def encoded(frame):
    return moral_graph.encode(moral_graph.check(frame))


def both(source: str, target: str, wiser: int, not_wiser: int, unsure: int = 3) -> list[tuple]:
    """The same verdict whichever way the story runs."""
    return [(source, target, wiser, not_wiser, unsure), (target, source, not_wiser, wiser, unsure)]


def test_a_circle_of_winners_is_found() -> None:
    ballots = encoded(many(*both("a", "b", 30, 5), *both("b", "c", 30, 5), *both("c", "a", 30, 5)))
    found = transitivity(ballots, pairwise.fit(ballots))
    assert (found.triads, found.circular, found.df) == (1, 1, 1)
    assert found.p <= 0.002


def test_one_order_is_not_accused() -> None:
    ballots = encoded(many(*both("a", "b", 30, 5), *both("b", "c", 30, 5), *both("a", "c", 36, 1)))
    found = transitivity(ballots, pairwise.fit(ballots))
    assert (found.triads, found.circular) == (1, 0)
    assert found.p > 0.2


def test_without_a_cycle_there_is_nothing_to_test() -> None:
    ballots = encoded(many(*both("a", "b", 30, 5), *both("b", "c", 30, 5)))
    with pytest.raises(ValueError, match="no cycle"):
        transitivity(ballots, pairwise.fit(ballots))


def false_alarms(studies: int, seed: int) -> np.ndarray:
    """p values of studies in which one order holds."""
    rng = np.random.default_rng(seed)
    truth = world(8, 16, 1.2, rng)
    found = []
    for _ in range(studies):
        ballots = encoded(vote(truth, rng, people=60, each=4))
        found.append(transitivity(ballots, pairwise.fit(ballots), draws=199, seed=rng).p)
    return np.array(found)


def test_false_alarms_are_rare() -> None:
    """Short version of the soak test below: within 3 Monte-Carlo errors of 40 studies."""
    found = false_alarms(40, 17)
    assert np.mean(found <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)
    assert 0.35 <= np.mean(found) <= 0.65


@pytest.mark.soak
def test_false_alarms_come_at_the_stated_rate() -> None:
    found = false_alarms(500, 18)
    assert (
        0.05 - 3 * np.sqrt(0.05 * 0.95 / 500)
        <= np.mean(found <= 0.05)
        <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 500)
    )
    assert 0.46 <= np.mean(found) <= 0.54


def test_triads_are_counted_as_by_enumeration() -> None:
    rng = np.random.default_rng(3)
    ballots = encoded(vote(world(9, 30, 0.2, rng), rng, people=40, each=6))
    net: dict[tuple[int, int], int] = {}
    for pair, verdict in zip(ballots.pair, ballots.verdict, strict=True):
        a, b = int(ballots.source[pair]), int(ballots.target[pair])
        worth = (1, -1, 0)[verdict]
        net[a, b] = net.get((a, b), 0) + worth
        net[b, a] = net.get((b, a), 0) - worth
    beats = networkx.DiGraph([(a, b) for (a, b), worth in net.items() if worth > 0])
    decided = beats.to_undirected()
    circular = sum(1 for cycle in networkx.simple_cycles(beats, length_bound=3) if len(cycle) == 3)
    assert circles(ballots) == (sum(networkx.triangles(decided).values()) // 3, circular)
    assert circular > 0


def test_bridges_are_left_out_of_the_test() -> None:
    ballots = encoded(
        many(*both("a", "b", 9, 5), *both("b", "c", 9, 5), *both("c", "a", 9, 5), *both("c", "d", 9, 1))
    )
    ends, pair, sign = unordered(ballots)
    assert in_cycle(ends, 4).sum() == 3
    assert len(pair) == len(sign) == ballots.votes
    assert set(sign) == {-1.0, 1.0}
