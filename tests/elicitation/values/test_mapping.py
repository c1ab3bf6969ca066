"""Decisions about values: replayed, taken back, and never touching a vote."""

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import moral_graph
from analysis.moral_graph.remap import remap
from elicitation.values.mapping import Decision, ValueMapping
from tests.analysis.moral_graph.voters import votes

CARDS = tuple("abcdef")


def test_merging_and_splitting_by_hand() -> None:
    mapping = (
        ValueMapping(CARDS)
        .decide("merge", "bd", reason="same", by="ann")
        .decide("merge", "da", reason="same", by="ann")
    )
    assert mapping.values() == dict(zip(CARDS, "aacaef", strict=True))
    split = mapping.decide("split", "b", reason="a homonym", by="bob")
    assert split.values() == dict(zip(CARDS, "abcaef", strict=True))
    assert split.members() == {"a": ("a", "d"), "b": ("b",), "c": ("c",), "e": ("e",), "f": ("f",)}
    assert split.version == 3
    assert split.at(2) == mapping
    assert split.at(0).values() == {card: card for card in CARDS}


@pytest.mark.parametrize(
    ("kind", "cards", "named"),
    [
        ("merge", "a", "two cards at least"),
        ("merge", "aa", "two cards at least"),
        ("split", "", "a card at least"),
        ("merge", "az", "card 'z' is unknown"),
        ("delete", "ab", "not to 'delete'"),
    ],
)
def test_impossible_decisions_are_refused(kind, cards: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ValueMapping(CARDS).decide(kind, cards, reason="", by="")


def test_an_unknown_version_and_a_card_twice_are_refused() -> None:
    with pytest.raises(ValueError, match="there is no version 1"):
        ValueMapping(CARDS).at(1)
    with pytest.raises(ValueError, match="a card is there twice"):
        ValueMapping(("a", "a"))


decisions = st.lists(
    st.builds(
        Decision,
        st.just("merge"),
        st.lists(st.sampled_from(CARDS), min_size=2, max_size=4, unique=True).map(tuple),
        st.text(max_size=5),
        st.text(max_size=5),
    )
    | st.builds(
        Decision,
        st.just("split"),
        st.lists(st.sampled_from(CARDS), min_size=1, max_size=3, unique=True).map(tuple),
        st.text(max_size=5),
        st.text(max_size=5),
    ),
    max_size=8,
)


@given(decisions)
def test_every_version_survives_the_file_and_maps_every_card_to_a_value_of_its_own(
    made: list[Decision],
) -> None:
    mapping = ValueMapping(CARDS, tuple(made))
    assert ValueMapping.from_json(json.loads(json.dumps(mapping.as_json()))) == mapping
    for version in range(mapping.version + 1):
        values = mapping.at(version).values()
        assert set(values) == set(CARDS)
        assert all(values[value] == value for value in values.values())


def test_votes_keep_their_raw_values_and_losses_are_counted() -> None:
    frame = votes(
        ("p", "a", "c", "wiser"),
        ("p", "b", "c", "unsure"),
        ("q", "a", "b", "wiser"),
        ("r", "b", "c", "wiser"),
        ("r", "c", "d", "wiser"),
    )
    before = frame.copy()
    mapping = ValueMapping(CARDS).decide("merge", "ab", reason="same", by="ann")
    found = remap(frame, mapping.values())
    pd.testing.assert_frame_equal(frame, before)
    assert (found.loops, found.repeated) == (1, 1)
    assert found.votes["from_value"].tolist() == ["a", "a", "c"]
    assert found.votes["raw_from_value"].tolist() == ["a", "b", "c"]
    assert len(moral_graph.check(found.votes)) == 3
    with pytest.raises(moral_graph.VoteError, match="value 'd' has no canonical value"):
        remap(frame, {"a": "a", "b": "a", "c": "c"})
