"""The still picture: nothing of it lies outside its plane."""

from __future__ import annotations

import pandas as pd

from analysis import moral_graph
from elicitation.explorer.picture import LETTERS, draw, support


def test_a_label_at_the_edge_of_the_plane_is_not_cut() -> None:
    rows = [(person, "a", "b", "When", "wiser") for person in range(4)]
    rows += [(person, "c", "b", "When", "wiser") for person in range(4)]
    votes = pd.DataFrame(rows, columns=["participant", "from_value", "to_value", "context", "verdict"])
    graph = moral_graph.build(votes, resamples=20, seed=1)
    titles = dict.fromkeys("abc", "M" * LETTERS)
    picture = draw(graph, titles, {"a": (10.0, 600.0), "b": (990.0, 50.0), "c": (500.0, 600.0)}, 300.0)
    assert picture.left < 10 - 60
    assert picture.left + picture.width > 990 + 60
    inside = draw(graph, dict.fromkeys("abc", "M"), dict.fromkeys("abc", (500.0, 300.0)), 300.0)
    assert (inside.left, inside.width) == (0, 1000)


def test_a_value_that_may_drop_out_has_no_core_and_one_that_surely_stays_has() -> None:
    rows = [(person, "a", "b", "When", "wiser") for person in range(60)]
    rows += [(person, "c", "d", "When", "wiser") for person in range(60, 62)]
    votes = pd.DataFrame(rows, columns=["participant", "from_value", "to_value", "context", "verdict"])
    graph = moral_graph.build(votes, resamples=100, seed=1)
    places = {value: (float(n * 250), 300.0) for n, value in enumerate("abcd")}
    titles = dict(zip("abcd", "ABCD", strict=True))
    picture = draw(graph, titles, places, 300.0)
    circles = {node.value: node.circle for node in picture.nodes}
    assert circles["b"].tells
    assert circles["b"].low > 0
    assert circles["d"].tells
    assert circles["d"].low == 0
    assert "place 1, interval 1 to" in next(node.about for node in picture.nodes if node.value == "b")
    unknown = draw(moral_graph.build(votes, resamples=0), titles, places, 300.0)
    assert not any(node.circle.tells for node in unknown.nodes)


def test_arrows_are_finer_where_there_are_many() -> None:
    widths = [support(4, 4, edges) for edges in (10, 60, 240, 5000)]
    assert widths == [5.0, 5.0, 2.5, 0.7]
