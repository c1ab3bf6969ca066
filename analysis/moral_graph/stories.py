"""Do the stories lead the vote? How the answers on one upgrade differ between the stories that tell it.

An upgrade told well gets more "wiser" than the same upgrade told badly. Where an ordered pair has several stories in
one context, what their shares differ by beyond chance is the stories' doing and no wisdom of the value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.estimate import check_level
from analysis.moral_graph.graph import wilson
from analysis.moral_graph.votes import VoteError, check

Floats = NDArray[np.float64]
UPGRADE = ["from_value", "to_value", "context"]
PERMUTATIONS = 999


@dataclass(frozen=True, slots=True)
class StoryEffect:
    """sd: standard deviation of the share of "wiser" between stories of one upgrade, chance taken off, in points of
    share (0 to 1); 0 where they differ no more than chance does. low, high: its interval. p: how often stories dealt
    out anew among an upgrade's votes differ as much. upgrades, stories, votes: what it is from."""

    sd: float
    low: float
    high: float
    p: float
    upgrades: int
    stories: int
    votes: int


def by_story(votes: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """How each story was answered: a row per ordered pair, context and story.

    votes: the columns of a vote and `story`. Columns: from_value, to_value, context, story, n (votes), wiser (count),
    share (wiser / n), low, high (Wilson). Raises VoteError where the column `story` is missing or empty.
    """
    table = _told(votes).groupby([*UPGRADE, "story"], sort=False, observed=True)["wiser"].agg(["size", "sum"])
    table = table.reset_index().rename(columns={"size": "n", "sum": "wiser"})
    hits, n = table["wiser"].to_numpy(float), table["n"].to_numpy(float)
    low, high = wilson(hits, n, check_level(level))
    return table[[*UPGRADE, "story", "n", "wiser"]].assign(share=hits / n, low=low, high=high)


def story_effect(
    votes: pd.DataFrame,
    *,
    level: float = 0.95,
    permutations: int = PERMUTATIONS,
    seed: int | np.random.Generator = 0,
) -> StoryEffect:
    """How much the stories of one upgrade differ, over all upgrades with at least two stories.

    Variance between stories by analysis of variance of the answers within upgrades (moments; Searle, Casella and
    McCulloch 1992, ch. 3), its interval from the F distribution with Thomas and Hultquist's mean number of votes a
    story; the test deals the stories out anew among the votes of each upgrade (a participant has one vote there).
    Raises VoteError as `by_story`, and ValueError where no upgrade has two stories and a story with two votes.
    """
    check_level(level)
    told = _told(votes)
    several = told.groupby(UPGRADE, observed=True)["story"].transform("nunique") > 1
    told = told[several]
    story, names = pd.factorize(pd.MultiIndex.from_frame(told[[*UPGRADE, "story"]]))
    cell, cells = pd.factorize(pd.MultiIndex.from_frame(told[UPGRADE]))
    within = len(told) - len(names)
    if within < 1:
        raise ValueError(
            "no upgrade has two stories and a story with two votes: their effect cannot be estimated"
        )
    wiser = told["wiser"].to_numpy(float)
    n = np.bincount(story).astype(float)
    owner = np.zeros(len(names), dtype=np.intp)
    owner[story] = cell
    size = np.bincount(cell).astype(float)
    between = len(names) - len(cells)
    mean_n = float((len(told) - (np.bincount(owner, weights=n**2) / size).sum()) / between)
    spread = _between(wiser, story, cell, n, owner, size)
    whole = float(((wiser - (np.bincount(cell, weights=wiser) / size)[cell]) ** 2).sum())
    noise = max((whole - spread) / within, 0.0)
    ratio = spread / between / noise if noise > 0 else np.inf
    above, below = stats.f.ppf([(1 + level) / 2, (1 - level) / 2], between, within)
    sure = max(ratio, 1.0)  # answers more alike than chance makes them do not say that the effect is surely 0
    sd, low, high = (
        _sd(excess, noise, mean_n, spread / between)
        for excess in (ratio - 1, ratio / above - 1, sure / below - 1)
    )
    rng = np.random.default_rng(seed)
    order = np.argsort(cell, kind="stable")
    dealt = [
        _between(wiser[order], _dealt(story[order], cell[order], rng), cell[order], n, owner, size)
        for _ in range(permutations)
    ]
    p = (1 + sum(one >= spread - 1e-9 for one in dealt)) / (1 + permutations)
    return StoryEffect(sd, low, high, p, len(cells), len(names), len(told))


def _told(votes: pd.DataFrame) -> pd.DataFrame:
    """The votes with `story` and `wiser` (0 or 1)."""
    checked = check(votes)
    if "story" not in checked.columns:
        raise VoteError(["column 'story' is missing: the votes do not say which story was read"])
    empty = int((checked["story"].isna() | (checked["story"].astype(str) == "")).sum())
    if empty:
        raise VoteError([f"column 'story' is empty in {empty} votes"])
    return checked.assign(wiser=(checked["verdict"] == "wiser").astype(int))


def _between(
    wiser: Floats,
    story: NDArray[np.intp],
    cell: NDArray[np.intp],
    n: Floats,
    owner: NDArray[np.intp],
    size: Floats,
) -> float:
    """Sum of squares between the stories of each upgrade."""
    pooled = np.bincount(cell, weights=wiser) / size
    share = np.bincount(story, weights=wiser, minlength=len(n)) / n
    return float((n * (share - pooled[owner]) ** 2).sum())


def _dealt(story: NDArray[np.intp], cell: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """The stories in another order within each upgrade; the votes are sorted by upgrade."""
    return story[np.lexsort((rng.random(len(story)), cell))]


def _sd(excess: float, noise: float, votes: float, between: float) -> float:
    """A ratio of variances less one as a standard deviation between stories."""
    variance = excess * noise / votes if np.isfinite(excess) else between / votes
    return float(np.sqrt(max(variance, 0.0)))
