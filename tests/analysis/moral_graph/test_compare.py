"""Two groups' ranks side by side."""

import numpy as np

from analysis import moral_graph
from analysis.moral_graph.compare import differences
from tests.analysis.moral_graph.voters import many


def graphs(*counts: tuple) -> list[moral_graph.MoralGraph]:
    return [moral_graph.build(many(*own), resamples=400, seed=1) for own in counts]


def test_groups_that_disagree_on_the_wiser_value_are_told_apart() -> None:
    one, other = graphs([("a", "b", 40, 1, 1)], [("b", "a", 40, 1, 1)])
    table = differences(one, other).set_index("value")
    assert table["apart"].all()
    assert table["difference"]["b"] > 0 > table["difference"]["a"]
    assert (table["low"]["b"], table["high"]["b"]) == (table["difference"]["b"],) * 2, (
        "the edge never drops out"
    )


def test_an_edge_that_hangs_on_three_people_tells_nobody_apart() -> None:
    """b is in the second graph by three votes: where a draw leaves it out its rank is 0, and the interval says so."""
    one, other = graphs(
        [("a", "b", 20, 0, 1), ("c", "d", 20, 0, 1)], [("a", "b", 3, 0, 1), ("c", "d", 30, 0, 1)]
    )
    b = differences(one, other).set_index("value").loc["b"]
    assert not b["apart"]
    assert b["low"] <= 0 < 0.2 < b["high"]


def test_a_value_without_an_edge_in_one_of_them_has_no_difference() -> None:
    one, other = graphs([("a", "b", 20, 0, 1), ("c", "d", 20, 0, 1)], [("a", "b", 20, 0, 1)])
    table = differences(one, other).set_index("value")
    assert np.isnan(table.loc["d", ["other_rank", "difference", "low", "high"]].to_numpy(float)).all()
    assert not table["apart"]["d"]
