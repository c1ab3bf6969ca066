"""The six criteria: every one is a row, and what is not measured says why."""

import numpy as np
import pandas as pd
import pytest

from analysis import moral_graph
from analysis.moral_graph.criteria import criteria
from analysis.moral_graph.held_out import held_out
from tests.analysis.moral_graph.voters import many, vote, world

SIX = ["fine-grained", "generalisable", "scalable", "robust", "legitimate", "auditable"]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    found = vote(world(8, 16, 1.5, rng), rng, people=120, each=5)
    found["context"] = rng.choice(["When alone", "When asked"], size=len(found))
    found["case"] = np.where(
        found["context"] == "When alone", "one", rng.choice(["one", "two"], size=len(found))
    )
    found["story"] = "s" + found["from_value"].astype(str)
    found["comment"] = np.where(found["from_value"] < 4, "because", "")
    return found


@pytest.fixture(scope="module")
def table(frame: pd.DataFrame) -> pd.DataFrame:
    cards = pd.DataFrame(
        {
            "participant": [1, 1, 2, 3],
            "value": ["a", "b", "a", "a"],
            "policies": [["x"] * k for k in (3, 5, 4, 4)],
        }
    )
    survey = pd.DataFrame(
        {
            "participant": [1, 2, 3, 4],
            "question": "represented",
            "agrees": [True, True, False, None],
            "group": list("nnss"),
        }
    )
    return criteria(frame, cards=cards, survey=survey, seed=1).set_index(["criterion", "measure"])


def test_all_six_are_there_with_numbers(table: pd.DataFrame) -> None:
    assert list(dict.fromkeys(table.index.get_level_values(0))) == SIX
    assert table.loc[("fine-grained", "attention policies per card"), "value"] == 4
    assert table.loc[("generalisable", "share of contexts that occur in several cases"), "value"] == 0.5
    assert table.loc[("scalable", "share of the next card already heard"), "value"] == 0.75
    assert table.loc[("legitimate", "agree: represented"), ["value", "n"]].tolist() == [2 / 3, 3]
    assert table.loc[("legitimate", "agree: represented (s)"), "n"] == 1
    assert 0 < table.loc[("robust", "share of coordinated participants that moves the winner"), "value"] < 1
    assert table.loc[("auditable", "share of edges with a story behind them"), "value"] == 1


def test_every_number_has_an_interval_a_range_or_is_a_full_count(table: pd.DataFrame) -> None:
    told = table[table["value"].notna()]
    counted = told["note"].str.contains("all edges counted|the same value|as many")
    assert told.loc[~counted, ["low", "high"]].notna().all().all()
    assert (told.loc[~counted, "low"] <= told.loc[~counted, "high"]).all()
    assert (told["n"] > 0).all()
    robust = table.loc["robust"].iloc[0]
    assert 0 < robust["low"] <= robust["high"] < 1
    assert "range over 100 draws of the participants" in robust["note"]


def test_the_weakest_point_is_named_by_its_title(frame: pd.DataFrame) -> None:
    titles = {value: f"Value {value}" for value in {*frame["from_value"], *frame["to_value"]}}
    note = criteria(frame, seed=1, titles=titles).set_index("criterion").loc["robust", "note"]
    assert "more would make “Value " in note


def test_of_very_many_participants_some_are_drawn_for_the_held_out_answers(
    monkeypatch: pytest.MonkeyPatch, frame: pd.DataFrame
) -> None:
    monkeypatch.setattr("analysis.moral_graph.held_out.MOST", 60)
    found = held_out(moral_graph.encode(frame), seed=1)
    assert found.clusters <= 60
    assert "60 of 120 participants, drawn" in found.note


def test_values_that_nobody_compared_with_each_other_are_foretold_apart(frame: pd.DataFrame) -> None:
    other = frame.assign(from_value=frame["from_value"] + 100, to_value=frame["to_value"] + 100)
    both = held_out(moral_graph.encode(pd.concat([frame, other], ignore_index=True)), seed=1)
    one = held_out(moral_graph.encode(frame), seed=1)
    assert (both.n, both.clusters) == (2 * one.n, one.clusters)
    assert both.value == pytest.approx(one.value, abs=0.02)


def test_edges_without_a_comment_are_counted(frame: pd.DataFrame, table: pd.DataFrame) -> None:
    edges = moral_graph.build(frame, resamples=0).edges
    expected = (edges["from_value"] < 4).mean()
    assert table.loc[("auditable", "share of edges with a comment behind them"), "value"] == pytest.approx(
        expected
    )


def test_what_is_missing_is_missing_with_its_reason(table: pd.DataFrame) -> None:
    row = table.loc[("auditable", "share of edges with a call behind them")]
    assert np.isnan(row["value"])
    assert row["note"] == "the votes have no column 'call'"
    bare = criteria(many(("a", "b", 3, 0, 0)), seed=1)
    assert list(dict.fromkeys(bare["criterion"])) == SIX
    assert (bare["note"] != "")[bare["value"].isna()].all()
    assert "no other value" in bare.set_index("criterion").loc["robust", "note"]


def test_held_out_answers_are_predicted_where_there_is_an_order_and_not_where_there_is_none() -> None:
    rng = np.random.default_rng(6)
    ordered = vote(world(8, 16, 2.0, rng), rng, people=150, each=5)
    flat = vote(world(8, 16, 0.0, rng), rng, people=150, each=5)
    gained = held_out(moral_graph.encode(ordered), seed=1)
    nothing = held_out(moral_graph.encode(flat), seed=1)
    assert gained.low > 0.1
    assert nothing.value < 0.02
    with pytest.raises(ValueError, match="too few for 5 folds"):
        held_out(moral_graph.encode(ordered[ordered["participant"] < 9]))
