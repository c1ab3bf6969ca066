"""Agreement between groups, by hand, in simulation, and where there are no groups."""

import numpy as np
import pandas as pd
import pytest

from analysis import moral_graph
from analysis.moral_graph import VoteError
from analysis.moral_graph.bridging import bridging, by_group, group_ranks
from tests.analysis.moral_graph.voters import many, scattered


def grouped(**parts: pd.DataFrame) -> pd.DataFrame:
    """Votes of several groups of different people."""
    return pd.concat(
        [part.assign(participant=part["participant"] + name, group=name) for name, part in parts.items()],
        ignore_index=True,
    )


@pytest.fixture
def divided() -> pd.DataFrame:
    """Both groups climb from a to b; only the north climbs from a to c."""
    return grouped(
        north=many(("a", "b", 8, 1, 1), ("a", "c", 9, 0, 1)),
        south=many(("a", "b", 6, 2, 0), ("a", "c", 1, 8, 1)),
    )


def test_shares_are_counted_within_groups(divided: pd.DataFrame) -> None:
    table = by_group(divided).set_index(["from_value", "to_value", "group"])
    assert table.loc[("a", "b", "south"), ["n", "wiser", "share"]].tolist() == [8, 6, 0.75]
    low, high = moral_graph.wilson(np.array([6.0]), np.array([8.0]))
    assert table.loc[("a", "b", "south"), "low"] == pytest.approx(low[0])
    assert table.loc[("a", "b", "south"), "high"] == pytest.approx(high[0])
    assert table["n"].sum() == len(divided)


def test_bridging_is_the_product_over_groups_and_puts_the_shared_upgrade_first(divided: pd.DataFrame) -> None:
    table = bridging(divided, resamples=400)
    assert table[["from_value", "to_value"]].to_numpy().tolist() == [["a", "b"], ["a", "c"]]
    assert table["consensus"].tolist() == pytest.approx([9 / 12 * 7 / 10, 10 / 12 * 2 / 12])
    assert table["least"].tolist() == pytest.approx([0.75, 0.1])
    assert table["gap"].tolist() == pytest.approx([0.05, 0.8])
    assert ((table["low"] <= table["consensus"]) & (table["consensus"] <= table["high"])).all()


def test_a_pair_that_one_group_saw_is_not_bridging() -> None:
    frame = grouped(north=many(("a", "b", 8, 1, 1), ("a", "c", 9, 0, 1)), south=many(("a", "b", 6, 2, 0)))
    assert bridging(frame, resamples=10)["to_value"].tolist() == ["b"]


def test_the_spread_of_resamples_is_that_of_repeated_studies() -> None:
    """Simulation: the sd of the consensus over new samples of people against the width of the intervals."""
    rng = np.random.default_rng(4)

    def study() -> pd.DataFrame:
        parts = {}
        for name, rate in (("north", 0.7), ("south", 0.6)):
            wiser = int(rng.binomial(60, rate))
            parts[name] = many(("a", "b", wiser, 60 - wiser, 0))
        return grouped(**parts)

    found = [bridging(study(), resamples=200, seed=rng).iloc[0] for _ in range(60)]
    spread = np.std([row["consensus"] for row in found])
    width = np.mean([row["high"] - row["low"] for row in found]) / (2 * 1.96)
    assert width == pytest.approx(spread, rel=0.3)


def test_each_group_has_its_own_ranks(divided: pd.DataFrame) -> None:
    table = group_ranks(divided, resamples=20)
    south = moral_graph.build(divided, group="south", resamples=0).values
    part = table[table["group"] == "south"]
    assert part["value"].tolist() == south["value"].tolist()
    assert part["rank"].to_numpy() == pytest.approx(south["rank"].to_numpy())
    assert set(table.loc[table["group"] == "north", "value"]) == {"a", "b", "c"}


def test_votes_without_sound_groups_are_refused(divided: pd.DataFrame) -> None:
    with pytest.raises(VoteError, match="column 'group' is missing"):
        bridging(scattered(np.random.default_rng(1)))
    with pytest.raises(VoteError, match="column 'group' is empty in 2 votes"):
        by_group(divided.assign(group=[None, None, *divided["group"][2:]]))
    torn = divided.assign(
        group=["south", *divided["group"][1:]], participant=["p12north", *divided["participant"][1:]]
    )
    with pytest.raises(VoteError, match="participant 'p12north' is in more than one group"):
        by_group(torn, duplicates="first")
    with pytest.raises(ValueError, match="there is one group"):
        bridging(divided[divided["group"] == "north"])
