"""The still picture: nothing of it lies outside its plane."""

from __future__ import annotations

import pandas as pd

from analysis import moral_graph
from elicitation.explorer.picture import LETTERS, draw


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
