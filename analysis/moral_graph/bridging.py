"""Agreement between groups: which upgrades every group calls wiser, and which divide them.

Coloured by who was asked, a graph shows the sample; what counts is how those asked in each group answered,
and how many they were.
"""

from collections.abc import Hashable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.estimate import check_level
from analysis.moral_graph.graph import RESAMPLES, build, wilson
from analysis.moral_graph.rules import Rule
from analysis.moral_graph.votes import NAMED, Ballots, Duplicates, VoteError, check, encode

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def by_group(
    votes: pd.DataFrame, *, by: str = "group", level: float = 0.95, duplicates: Duplicates = "refuse"
) -> pd.DataFrame:
    """How each group answered each story: a row per ordered pair and group that voted on it.

    Columns: from_value, to_value, group, n (votes), wiser (count), share (wiser / n), low, high (Wilson).
    Raises VoteError when the column is missing or empty, or a participant is in two groups.
    """
    ballots, labels, member = _grouped(votes, by, duplicates)
    hits, n = _cells(ballots, member, len(labels))
    pair, group = np.nonzero(n)
    low, high = wilson(hits[pair, group], n[pair, group], level)
    return pd.DataFrame(
        {
            "from_value": ballots.values[ballots.source[pair]],
            "to_value": ballots.values[ballots.target[pair]],
            "group": labels[group],
            "n": n[pair, group].astype(np.int64),
            "wiser": hits[pair, group].astype(np.int64),
            "share": hits[pair, group] / n[pair, group],
            "low": low,
            "high": high,
        }
    )


def bridging(
    votes: pd.DataFrame,
    *,
    by: str = "group",
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int | np.random.Generator = 0,
    duplicates: Duplicates = "refuse",
) -> pd.DataFrame:
    """Upgrades that hold across groups, most bridging first: a row per ordered pair that two groups saw.

    Columns: from_value, to_value, groups (that voted), n, consensus (product over all groups of
    (wiser + 1) / (n + 2), as Polis's group-aware consensus; Small et al. 2021), low, high (percentile
    interval over participants drawn anew within their group), least (the lowest share of "wiser" among
    the groups that voted), gap (highest less lowest share).
    Raises VoteError as `by_group`, ValueError with fewer than 2 groups.
    """
    check_level(level)
    ballots, labels, member = _grouped(votes, by, duplicates)
    if len(labels) < 2:
        raise ValueError(f"there is one group, {labels[0]!r}: bridging needs at least 2")
    hits, n = _cells(ballots, member, len(labels))
    several = np.flatnonzero((n > 0).sum(axis=1) >= 2)
    drawn = _resampled(ballots, member, len(labels), several, resamples, np.random.default_rng(seed))
    low, high = _ends(drawn, level)
    with np.errstate(invalid="ignore"):
        share = np.where(n > 0, hits / n, np.nan)[several]
    table = pd.DataFrame(
        {
            "from_value": ballots.values[ballots.source[several]],
            "to_value": ballots.values[ballots.target[several]],
            "groups": (n[several] > 0).sum(axis=1),
            "n": n[several].sum(axis=1).astype(np.int64),
            "consensus": _consensus(hits[several], n[several]),
            "low": low,
            "high": high,
            "least": np.nanmin(share, axis=1) if len(several) else [],
            "gap": np.nanmax(share, axis=1) - np.nanmin(share, axis=1) if len(several) else [],
        }
    )
    return table.sort_values("consensus", ascending=False, kind="stable", ignore_index=True)


def group_ranks(
    votes: pd.DataFrame,
    rule: str | Rule = "corrected",
    *,
    by: str = "group",
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int | np.random.Generator = 0,
) -> pd.DataFrame:
    """The ranked values of each group's own graph, with a column `group` first."""
    _, labels, _ = _grouped(votes, by, "refuse")
    rng = np.random.default_rng(seed)
    parts = []
    for label in labels:
        own = votes[votes[by] == label]
        values = build(own, rule, resamples=resamples, level=level, seed=rng).values.copy()
        values.insert(0, "group", label)
        parts.append(values)
    return pd.concat(parts, ignore_index=True)


def _grouped(votes: pd.DataFrame, by: str, duplicates: Duplicates) -> tuple[Ballots, pd.Index, Ints]:
    """Encoded votes, the groups' labels, and the group of each participant."""
    checked = check(votes, duplicates=duplicates)
    if by not in checked.columns:
        raise VoteError([f"column '{by}' is missing: the votes have no groups"])
    empty = int(checked[by].isna().sum())
    if empty:
        raise VoteError([f"column '{by}' is empty in {empty} votes: leave those out, or name their group"])
    several = checked.groupby("participant", sort=False)[by].nunique()
    torn: list[Hashable] = list(several[several > 1].index[:NAMED])
    if torn:
        raise VoteError([f"column '{by}': participant {one!r} is in more than one group" for one in torn])
    ballots = encode(checked)
    codes, labels = pd.factorize(checked[by], sort=True)
    member = np.zeros(len(ballots.participants), dtype=np.intp)
    member[ballots.participant] = codes
    return ballots, pd.Index(labels), member


def _cells(ballots: Ballots, member: Ints, groups: int, drawn: Floats | None = None) -> tuple[Floats, Floats]:
    """Votes "wiser" and all votes per ordered pair and group, (pairs, groups)."""
    cell = ballots.pair * groups + member[ballots.participant]
    weight = np.ones(ballots.votes) if drawn is None else drawn[ballots.participant]
    size = ballots.pairs * groups
    n = np.bincount(cell, weights=weight, minlength=size)
    hits = np.bincount(cell, weights=weight * (ballots.verdict == 0), minlength=size)
    return hits.reshape(-1, groups).astype(np.float64), n.reshape(-1, groups).astype(np.float64)


def _consensus(hits: Floats, n: Floats) -> Floats:
    product: Floats = ((hits + 1) / (n + 2)).prod(axis=1)
    return product


def _resampled(
    ballots: Ballots, member: Ints, groups: int, pairs: Ints, resamples: int, rng: np.random.Generator
) -> Floats:
    """Consensus of some pairs with participants drawn anew within their group, (resamples, pairs)."""
    people = [np.flatnonzero(member == group) for group in range(groups)]
    found = np.empty((resamples, len(pairs)))
    for row in found:
        drawn = np.zeros(len(member))
        for own in people:
            drawn[own] = np.bincount(rng.integers(len(own), size=len(own)), minlength=len(own))
        hits, n = _cells(ballots, member, groups, drawn)
        row[:] = _consensus(hits[pairs], n[pairs])
    return found


def _ends(drawn: Floats, level: float) -> tuple[Floats, Floats]:
    if not len(drawn):
        return np.full(drawn.shape[1], np.nan), np.full(drawn.shape[1], np.nan)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
