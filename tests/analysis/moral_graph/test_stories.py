"""How much the stories lead the vote: by hand, by simulation, and refused where nothing can be said."""

import numpy as np
import pandas as pd
import pytest

from analysis.moral_graph.stories import by_story, story_effect
from analysis.moral_graph.votes import VoteError

COLUMNS = ["participant", "from_value", "to_value", "context", "verdict", "story"]


def told(*stories: tuple[str, int, int], upgrade: str = "", first: int = 0) -> pd.DataFrame:
    """Votes on one upgrade: for each story how many said wiser, and how many not."""
    rows = []
    for name, wiser, other in stories:
        for n in range(wiser + other):
            verdict = "wiser" if n < wiser else "unsure"
            rows.append((first + len(rows), f"a{upgrade}", f"b{upgrade}", "When", verdict, name))
    return pd.DataFrame(rows, columns=COLUMNS)


def simulated(sd: float, rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    for cell in range(12):
        base = rng.uniform(0.35, 0.75)
        stories = []
        for name in "xyz":
            n = int(rng.integers(8, 24))
            wiser = int(rng.binomial(n, np.clip(base + sd * rng.normal(), 0.02, 0.98)))
            stories.append((name, wiser, n - wiser))
        parts.append(told(*stories, upgrade=str(cell), first=1000 * cell))
    return pd.concat(parts, ignore_index=True)


def test_each_story_has_its_share_with_its_interval() -> None:
    table = by_story(told(("x", 8, 2), ("y", 1, 9)))
    assert table[["story", "n", "wiser", "share"]].to_numpy().tolist() == [
        ["x", 10, 8, 0.8],
        ["y", 10, 1, 0.1],
    ]
    assert (table["low"] < table["share"]).all()
    assert (table["share"] < table["high"]).all()


def test_two_stories_by_hand() -> None:
    """Shares 0.8 and 0.1 of ten votes each: squares between 2.45, within 1.6 + 0.9 over 18 degrees of freedom."""
    found = story_effect(told(("x", 8, 2), ("y", 1, 9)))
    assert found.sd == pytest.approx(np.sqrt((2.45 - 2.5 / 18) / 10))
    assert found.low > 0
    assert found.high >= found.sd
    assert found.p < 0.02
    assert (found.upgrades, found.stories, found.votes) == (1, 2, 20)


def test_stories_that_are_answered_alike_have_no_effect() -> None:
    found = story_effect(told(("x", 6, 4), ("y", 6, 4)))
    assert (found.sd, found.low) == (0, 0)
    assert found.high > 0
    assert found.p == 1


def test_an_upgrade_with_one_story_says_nothing_of_stories() -> None:
    two = told(("x", 8, 2), ("y", 1, 9))
    alone = told(("z", 3, 3), upgrade="2", first=500)
    assert story_effect(pd.concat([two, alone], ignore_index=True)) == story_effect(two)
    with pytest.raises(ValueError, match="no upgrade has two stories"):
        story_effect(alone)


def test_the_interval_holds_the_effect_and_the_test_keeps_its_level() -> None:
    rng = np.random.default_rng(4)
    for sd, most_found in ((0.0, 0.15), (0.15, 1.0)):
        found = [story_effect(simulated(sd, rng), permutations=39, seed=n) for n in range(40)]
        assert np.mean([one.low <= sd <= one.high for one in found]) >= 0.88
        assert np.mean([one.p <= 0.05 for one in found]) <= most_found
        assert np.mean([one.p <= 0.05 for one in found]) >= (0.8 if sd else 0)


def test_votes_without_stories_are_refused() -> None:
    votes = told(("x", 2, 2))
    with pytest.raises(VoteError, match="'story' is missing"):
        by_story(votes.drop(columns="story"))
    with pytest.raises(VoteError, match="'story' is empty in 4"):
        story_effect(votes.assign(story=""))
