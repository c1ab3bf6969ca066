"""The moral graph of a bundle found again: its table of votes in, the numbers of `results/moral_graph.json` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from analysis.moral_graph.graph import MoralGraph, build
from analysis.moral_graph.told import told


def graph_of(votes: pd.DataFrame, *, resamples: int, seed: int) -> MoralGraph:
    """The graph of a bundle's votes.

    votes: one row a vote, columns participant, from_value, to_value, context, verdict. By the mapping of cards both
    ends may be one value: such a vote judges nothing and is passed over.
    """
    judged = votes[votes["from_value"] != votes["to_value"]]
    judged = judged.astype({"verdict": "str"}).fillna({"context": ""})
    return build(judged, duplicates="first", resamples=resamples, seed=seed)


def again(load: Callable[[str], pd.DataFrame], reported: Mapping[str, Any]) -> dict[str, Any]:
    """The reported numbers, computed anew from the table that `load` gives by its name."""
    drawn = {name: reported[name] for name in ("resamples", "seed")}
    return {**drawn, **told(graph_of(load("votes"), **drawn))}
