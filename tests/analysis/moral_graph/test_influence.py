"""Coordinated votes and single participants: counted exactly, and checked by really casting them."""

import numpy as np
import pytest

from analysis import moral_graph
from analysis.moral_graph import CORRECTED, influence, ranks
from analysis.moral_graph.rules import answers
from tests.analysis.moral_graph.voters import many, scattered, votes


def encoded(frame):
    return moral_graph.encode(moral_graph.check(frame))


def winner(ballots) -> object:
    scores = ranks.score(ballots, answers(ballots), CORRECTED)
    return ballots.values[scores.present[int(scores.rank.argmax())]]


def test_six_friends_are_needed_by_hand() -> None:
    """They say yes to d and no to b, which has 3 of 4: 3/9 is still an edge, 3/10 no more."""
    ballots = encoded(many(("a", "b", 3, 0, 1), ("c", "d", 1, 2, 1)))
    found = influence.takeover(ballots, "d", votes_each=2, most=50)
    assert winner(ballots) == "b"
    assert found.attackers == 6
    assert found.share == pytest.approx(6 / 14)


@pytest.mark.parametrize("seed", range(3))
def test_the_number_is_the_fewest_when_the_votes_are_really_cast(seed: int) -> None:
    ballots = encoded(scattered(np.random.default_rng(seed), people=40, number=400))
    table = influence.takeovers(ballots, candidates=3, votes_each=4)
    for row in table.dropna(subset=["attackers"]).to_dict("records"):
        enough = influence.forged(ballots, row["value"], row["attackers"], votes_each=4, rule="corrected")
        less = influence.forged(ballots, row["value"], row["attackers"] - 1, votes_each=4, rule="corrected")
        assert winner(enough) == row["value"]
        assert winner(less) != row["value"]
        assert row["share"] == pytest.approx(row["attackers"] / (40 + row["attackers"]))
    assert table["share"].is_monotonic_increasing


def test_todays_winner_needs_nobody_and_a_value_nobody_climbs_to_cannot_win() -> None:
    ballots = encoded(many(("a", "b", 9, 0, 0), ("a", "c", 5, 1, 0)))
    assert influence.takeover(ballots, "b").attackers == 0
    lost = influence.takeover(ballots, "a", votes_each=1, most=4)
    assert lost.attackers is None
    assert np.isnan(lost.share)


def test_impossible_questions_are_refused() -> None:
    ballots = encoded(many(("a", "b", 9, 0, 0)))
    with pytest.raises(ValueError, match="value 'z' has no votes"):
        influence.takeover(ballots, "z")
    with pytest.raises(ValueError, match="votes_each is 0"):
        influence.takeover(ballots, "a", votes_each=0)
    with pytest.raises(ValueError, match="no winner to replace"):
        influence.takeover(encoded(many(("a", "b", 0, 5, 0))), "b")


def test_leaving_a_participant_out_equals_a_graph_without_their_votes() -> None:
    frame = scattered(np.random.default_rng(7), people=12, number=150)
    table = influence.participants(encoded(frame))
    whole = moral_graph.build(frame, resamples=0).values.set_index("value")["rank"]
    for row in table.iloc[[0, 5, -1]].to_dict("records"):
        rest = moral_graph.build(frame[frame["participant"] != row["participant"]], resamples=0)
        without = rest.values.set_index("value")["rank"]
        labels = whole.index.union(without.index)
        moved = (whole.reindex(labels, fill_value=0) - without.reindex(labels, fill_value=0)).abs().max()
        assert row["moved"] == pytest.approx(moved, abs=1e-12)
        assert row["winner"] == rest.winner
    assert table["votes"].sum() == len(frame)
    assert table["moved"].is_monotonic_decreasing


def test_when_the_last_supporter_goes_there_is_no_winner() -> None:
    frame = votes(("p", "a", "b", "wiser"), ("q", "a", "b", "wiser"))
    assert influence.participants(encoded(frame))["winner"].isna().all()
