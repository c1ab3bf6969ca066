"""Deduplication: near cards are candidates, a judge decides, chains and shared words join nothing."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from elicitation.values.dedupe import deduplicate, deduplicate_together, neighbours


def angles(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane."""
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1)


def distance(degrees: float) -> float:
    return float(1 - np.cos(np.radians(degrees)))


def test_neighbours_equal_scipys_distances() -> None:
    vectors = np.random.default_rng(1).normal(size=(1500, 6))
    found = neighbours(vectors, 0.2)
    expected = pdist(vectors, "cosine")
    first, second = np.triu_indices(1500, 1)
    close = expected <= 0.2
    pairs = dict(
        zip(zip(first[close].tolist(), second[close].tolist(), strict=True), expected[close], strict=True)
    )
    assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == set(pairs)
    by_pair = [pairs[a, b] for a, b in zip(found.first.tolist(), found.second.tolist(), strict=True)]
    assert found.distance == pytest.approx(np.array(by_pair), abs=1e-9)
    assert (np.diff(found.distance) >= 0).all()


@pytest.mark.parametrize(
    ("vectors", "threshold", "named"),
    [
        (np.zeros((2, 3)), 0.1, "all 0"),
        ([[1.0, np.nan]], 0.1, "not finite"),
        ([1.0, 2.0], 0.1, "a matrix"),
        (np.empty((0, 3)), 0.1, "a matrix"),
        ([[1.0, 0.0]], 3, "between 0 and 2"),
    ],
)
def test_what_are_no_vectors_is_refused(vectors, threshold: float, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        neighbours(vectors, threshold)


def test_near_cards_stay_apart_when_the_judge_says_so() -> None:
    found = deduplicate(angles(0, 1, 40, 41), lambda a, b: (a, b) == (2, 3), threshold=0.01)
    assert found.canonical == (0, 1, 2, 2)
    assert found.values == 3
    assert [(one.first, one.second, one.same) for one in found.judgements] == [(0, 1, False), (2, 3, True)]


def test_a_chain_of_small_steps_is_not_one_value() -> None:
    """Each card is like the next; the first and the last are not, and lie beyond the threshold."""
    found = deduplicate(angles(0, 5, 10, 15), lambda a, b: True, threshold=distance(6))
    assert found.canonical[0] != found.canonical[-1]


def test_a_word_between_two_homonyms_does_not_join_them() -> None:
    """Card 1 is judged the same as 0 and as 2, which are judged different."""
    said = {(0, 1): True, (1, 2): True, (0, 2): False}
    found = deduplicate(angles(0, 3, 7), lambda a, b: said[a, b], threshold=distance(10))
    assert found.canonical[0] != found.canonical[2]
    assert found.values == 2


def test_no_pair_is_judged_twice_and_never_more_than_there_are_candidates() -> None:
    rng = np.random.default_rng(2)
    topic = rng.integers(12, size=200)
    vectors = np.eye(12)[topic] + rng.normal(size=(200, 12)) * 0.15
    asked: list[tuple[int, int]] = []

    def judge(a: int, b: int) -> bool:
        asked.append((a, b))
        return bool(topic[a] == topic[b])

    found = deduplicate(vectors, judge, threshold=0.5)
    assert len(asked) == len(set(asked)) == len(found.judgements)
    assert len(asked) < found.candidates / 4
    groups = {(topic[card], value) for card, value in enumerate(found.canonical)}
    assert len({value for _, value in groups}) == len(groups)
    assert found.values == 12


def test_without_an_answer_cards_stay_apart_and_are_named() -> None:
    found = deduplicate(angles(0, 1), lambda a, b: None, threshold=0.01)
    assert found.canonical == (0, 1)
    assert [(one.first, one.second) for one in found.undecided] == [(0, 1)]


def test_the_order_of_asking_is_fixed() -> None:
    vectors = np.random.default_rng(3).normal(size=(60, 4))
    one, two = (deduplicate(vectors, lambda a, b: (a + b) % 3 > 0, threshold=0.3) for _ in range(2))
    assert one == two


@pytest.mark.parametrize("at_once", [2, 8, 64])
def test_asking_several_at_once_asks_the_same_and_ends_the_same_as_one_after_another(at_once: int) -> None:
    """With a judge who contradicts himself, and now and then gives no answer: everything hangs on the order."""
    rng = np.random.default_rng(8)
    vectors = np.eye(8)[rng.integers(8, size=150)] + rng.normal(size=(150, 8)) * 0.25
    rounds: list[int] = []
    told: list[tuple[int, int]] = []

    def judge(a: int, b: int) -> bool | None:
        return [True, True, False, None][(a * 31 + b * 17) % 4]

    def judges(pairs: Sequence[tuple[int, int]]) -> list[bool | None]:
        assert len({card for pair in pairs for card in pair}) == 2 * len(pairs), "no two about the same card"
        rounds.append(len(pairs))
        return [judge(*pair) for pair in pairs]

    one_by_one = deduplicate(vectors, judge, threshold=0.5)
    together = deduplicate_together(
        vectors, judges, at_once=at_once, threshold=0.5, told=lambda *now: told.append(now)
    )
    assert together == one_by_one
    assert sum(rounds) == len(together.judgements) > 100
    assert max(rounds) <= at_once
    assert len(rounds) < sum(rounds) / 1.5
    assert told == [(n, together.candidates) for n in range(1, together.candidates + 1)]


def test_neighbours_of_five_thousand_cards_take_seconds() -> None:
    vectors = np.random.default_rng(4).normal(size=(5000, 384))
    start = time.process_time()
    neighbours(vectors, 0.1)
    assert time.process_time() - start < 10
