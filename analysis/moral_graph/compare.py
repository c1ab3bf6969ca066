"""Two groups' graphs side by side: which values one ranks higher than the other, and how sure that is."""

import numpy as np
import pandas as pd

from analysis.estimate import check_level
from analysis.moral_graph.graph import MoralGraph


def differences(
    one: MoralGraph, other: MoralGraph, *, level: float = 0.95, seed: int | np.random.Generator = 0
) -> pd.DataFrame:
    """How much higher each value ranks in `one` than in `other`; the two rest on different participants.

    A row per value of either graph, in the order of `one`: value, rank, other_rank (nan where it has no edge),
    difference, low, high (percentile interval over both groups' participants drawn anew; in a draw without an edge a
    rank is 0; nan for a value that has no edge in one of the two) and apart (the interval leaves out 0).
    """
    check_level(level)
    values = list(dict.fromkeys([*one.values["value"], *other.values["value"]]))
    ranks = [
        graph.values.set_index("value")["rank"].reindex(values).to_numpy(float) for graph in (one, other)
    ]
    drawn = _drawn(one, other, values, np.random.default_rng(seed))
    low, high = np.full((2, len(values)), np.nan)
    for column in np.flatnonzero(np.isfinite(ranks[0] - ranks[1])):
        if len(drawn):
            low[column], high[column] = np.quantile(drawn[:, column], [(1 - level) / 2, (1 + level) / 2])
    return pd.DataFrame(
        {
            "value": values,
            "rank": ranks[0],
            "other_rank": ranks[1],
            "difference": ranks[0] - ranks[1],
            "low": low,
            "high": high,
            "apart": (low > 0) | (high < 0),
        }
    )


def _drawn(one: MoralGraph, other: MoralGraph, values: list[object], rng: np.random.Generator) -> np.ndarray:
    """Differences of resampled ranks, (resamples, values). The rows of one graph are shuffled: both may have been
    drawn from the same seed."""
    own, beside = (graph.resampled.reindex(columns=values).fillna(0.0).to_numpy() for graph in (one, other))
    rows = min(len(own), len(beside))
    found: np.ndarray = own[:rows] - rng.permutation(beside)[:rows]
    return found
