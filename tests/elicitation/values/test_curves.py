"""Values over the threshold: what the search found at each distance is read again from its answers."""

from __future__ import annotations

import doctest
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.completeness import over_thresholds
from elicitation.values import curves, mapping
from elicitation.values.curves import Pair, groups_at
from elicitation.values.dedupe import Judgement, deduplicate


def replayed(judged: tuple[Judgement, ...], size: int, threshold: float) -> list[int]:
    cards = {str(n): str(n) for n in range(size)}
    pairs = [Pair(str(one.first), str(one.second), one.distance, one.same is True) for one in judged]
    return [int(value) for value in groups_at(cards, pairs, threshold).values()]


@given(st.integers(0, 10_000), st.integers(2, 6))
def test_at_the_threshold_the_search_is_repeated_and_smaller_distances_only_take_values_apart(
    seed: int, topics: int
) -> None:
    """Of a judge who is consistent."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(topics, size=24)
    vectors = np.eye(6)[topic] + rng.normal(size=(24, 6)) * 0.3
    found = deduplicate(vectors, lambda a, b: bool(topic[a] == topic[b]), threshold=0.6)
    steps = [replayed(found.judgements, 24, threshold) for threshold in (0.6, 0.4, 0.2, 0.0)]
    assert steps[0] == list(found.canonical)
    assert steps[-1] == list(range(24))
    for wide, narrow in pairwise(steps):
        assert all(wide[card] == wide[value] for card, value in enumerate(narrow))


def test_those_kept_apart_stay_apart_by_any_detour_and_what_people_brought_together_is_one_at_every_distance() -> (
    None
):
    cards = dict(zip("abcd", "abcd", strict=True))
    pairs = [
        Pair("a", "b", 0.1, True),
        Pair("b", "c", 0.2, True),
        Pair("a", "c", 0.3, False),
        Pair("c", "d", None, True, accepted=True),
    ]
    assert "".join(groups_at(cards, pairs, 0.3).values()) == "aacc"
    assert "".join(groups_at(cards, pairs, 0.0).values()) == "abcc"


def test_a_chain_of_small_steps_is_one_value_only_where_a_person_said_so() -> None:
    cards = dict(zip("abc", "abc", strict=True))
    pairs = [Pair("a", "b", 0.1, True), Pair("b", "c", 0.2, True)]
    assert "".join(groups_at(cards, pairs, 0.2).values()) == "aac"
    said = [pairs[0], Pair("b", "c", 0.2, True, accepted=True)]
    assert "".join(groups_at(cards, said, 0.2).values()) == "aaa"


def test_a_card_that_is_gone_keeps_the_others_together_and_is_in_no_value() -> None:
    cards = dict(zip("abc", "abc", strict=True))
    pairs = [Pair("a", "b", 0.1, True), Pair("b", "c", 0.2, True, accepted=True)]
    assert groups_at(cards, pairs, 0.2, frozenset("a")) == {"b": "b", "c": "b"}
    assert groups_at(cards, pairs, 0.2, frozenset("b")) == {"a": "a", "c": "a"}


def test_the_curve_goes_on_to_completeness() -> None:
    cards = dict(zip("abcd", "abcd", strict=True))
    pairs = [Pair("a", "b", 0.1, True), Pair("c", "d", 0.2, True)]
    groups: dict[float, Any] = {at: groups_at(cards, pairs, at) for at in (0.0, 0.1, 0.2)}
    table = over_thresholds(pd.DataFrame({"participant": [1, 2, 3, 4], "card": list("abcd")}), groups)
    assert table["values"].tolist() == [4, 3, 2]


@pytest.mark.parametrize("module", [curves, mapping])
def test_the_examples_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0
