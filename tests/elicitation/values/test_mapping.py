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


@given(decisions)
def test_a_merge_of_two_is_taken_back_by_splitting_off_what_it_alone_holds(made: list[Decision]) -> None:
    mapping = ValueMapping(CARDS, tuple(made))
    for number, one in enumerate(made, start=1):
        ends = one.cards[0], one.cards[-1]
        if one.kind == "split" or len(one.cards) > 2:
            continue
        before = mapping.values()
        try:
            away = mapping.taken_back(number)
        except ValueError as reason:
            stands = "no merge that stands" in str(reason)
            assert stands or before[ends[0]] == before[ends[1]]
            continue
        after = mapping.decide("split", away, reason="", by="").values()
        assert before[ends[0]] == before[ends[1]]
        assert after[ends[0]] != after[ends[1]]
        touched = {card for card in CARDS if before[card] == before[ends[0]]}
        assert set(away) < touched
        assert all((before[a] == before[b]) == (after[a] == after[b]) for a in CARDS for b in CARDS
                   if (a in away) == (b in away))  # fmt: skip


def test_a_chain_breaks_where_a_link_is_taken_back_and_a_ring_does_not() -> None:
    chain = ValueMapping(CARDS)
    for ends in ("ab", "bc", "cd"):
        chain = chain.decide("merge", ends, reason="", by="")
    assert chain.taken_back(2) == ("c", "d")
    with pytest.raises(ValueError, match="no merge that stands"):
        chain.decide("split", "d", reason="", by="").taken_back(3)
    with pytest.raises(ValueError, match="another decision"):
        chain.decide("merge", "da", reason="", by="").taken_back(2)


def test_a_card_that_is_gone_is_in_no_value_and_keeps_the_others_together() -> None:
    mapping = ValueMapping(CARDS, gone=frozenset("b"))
    for ends in ("ab", "bc"):
        mapping = mapping.decide("merge", ends, reason="", by="")
    assert mapping.members() == {"a": ("a", "c"), "d": ("d",), "e": ("e",), "f": ("f",)}
    assert ValueMapping.from_json(json.loads(json.dumps(mapping.as_json()))) == mapping


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
