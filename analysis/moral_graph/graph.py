"""The moral graph of a set of votes: edges, ranked values, and how sure the ranks are."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from analysis.estimate import check_level
from analysis.moral_graph import ranks
from analysis.moral_graph.rules import Counts, Rule, answers, rule_of, tally
from analysis.moral_graph.votes import Ballots, Duplicates, check, encode, select

Floats = NDArray[np.float64]

RESAMPLES = 200  # enough to look at; for publication ask for 1000 or more


@dataclass(frozen=True, slots=True)
class MoralGraph:
    """A moral graph, computed from votes.

    edges: kept ordered pairs, strongest first: from_value, to_value, wiser, not_wiser, unsure, less_wise,
        impressions (counts), likelihood (-1 to 1), entropy (bits), share (of "wiser" among the answers to
        stories that ran this way), share_low, share_high (Wilson), contexts (tuple, of either direction).
    values: the values with an edge, highest rank first: value, rank (PageRank), low, high (percentile
        interval over participants drawn anew; a value without an edge has the rank 0 there), wisdom (sum of
        incoming likelihoods), position (1 is the highest), position_low, position_high (without an edge: after
        all that have one), first (share of resamples in which it came first) and present (share of resamples
        in which it had an edge at all).
    outside: the values that were voted on and have no edge, with the columns of `values`; their rank is 0.
    pairs: every ordered pair that was shown, with the columns of edges (no contexts) and `kept`.
    resampled: ranks of the resamples, a column per value, in the order of `values` and `outside`; nan where a
        value had no edge.

    An interval is for the rank that endless votes would give under the same rule, 0 for a value that has no edge
    then. It is the nominal one where few pairs lie close to a threshold of the rule; where many do, ranks jump with
    the edges and it holds that rank less often (docs/explanation/moral-graph.md has figures).
    """

    rule: Rule
    edges: pd.DataFrame
    values: pd.DataFrame
    outside: pd.DataFrame
    pairs: pd.DataFrame
    resampled: pd.DataFrame
    votes: int
    participants: int
    level: float

    @property
    def winner(self) -> Hashable | None:
        """The value of the highest rank; None where no edge was kept."""
        return None if self.values.empty else self.values["value"].iloc[0]

    @property
    def left_out(self) -> tuple[Hashable, ...]:
        """The values that were voted on and have no edge."""
        return tuple(self.outside["value"])

    def positions(self) -> pd.DataFrame:
        """Shares of the resamples in which a value (index) held a position (columns; nan: it had no edge)."""
        held = _positions(self.resampled.to_numpy())
        table = {
            value: pd.Series(held[:, i]).value_counts(normalize=True, dropna=False)
            for i, value in enumerate(self.values["value"])
        }
        return pd.DataFrame(table).T.sort_index(axis=1).fillna(0.0)


def build(
    votes: pd.DataFrame,
    rule: str | Rule = "corrected",
    *,
    case: Hashable | Sequence[Hashable] | None = None,
    context: Hashable | Sequence[Hashable] | None = None,
    group: Hashable | Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int | np.random.Generator = 0,
    duplicates: Duplicates = "refuse",
    progress: bool = False,
) -> MoralGraph:
    """Compute the moral graph of votes (participant, from_value, to_value, context, verdict).

    rule: "corrected" or "legacy", or a Rule of one's own. case, context, group: only these votes (a label
    or a list; case and group need a column of that name). resamples: how often participants are drawn anew
    for the intervals; 0 for none (low, high and the like are then missing). seed: of those draws.
    duplicates: what to do with a second vote of a participant on the same pair and context: "refuse", or
    keep the "first" or "last". progress: a bar on the terminal while participants are drawn.
    Raises VoteError (a ValueError) for votes that cannot be used, ValueError for an unknown rule.
    """
    rule = rule_of(rule)
    check_level(level)
    if resamples < 0:
        raise ValueError(f"resamples is {resamples}: 0 or more")
    ballots = encode(select(check(votes, duplicates=duplicates), case=case, context=context, group=group))
    cells = answers(ballots)
    counts = tally(cells, ballots.reverse)
    scores = ranks.score(ballots, cells, rule)
    drawn = np.full((0, len(ballots.values)), np.nan)
    if resamples:
        drawn = ranks.resample(ballots, rule, resamples, np.random.default_rng(seed), progress=progress)
    pairs = pairs_table(ballots, counts, rule, level)
    table = _values(ballots, scores, drawn, level)
    inside = np.isin(np.arange(len(table)), scores.present)
    order = ["rank", "wisdom"]
    values = table[inside].sort_values(order, ascending=False, kind="stable", ignore_index=True)
    outside = table[~inside].reset_index(drop=True)
    named = pd.DataFrame(drawn, columns=ballots.values)
    return MoralGraph(
        rule=rule,
        edges=_edges(ballots, pairs),
        values=values,
        outside=outside,
        pairs=pairs,
        resampled=named[[*values["value"], *outside["value"]]],
        votes=ballots.votes,
        participants=len(ballots.participants),
        level=level,
    )


def pairs_table(ballots: Ballots, counts: Counts, rule: Rule, level: float) -> pd.DataFrame:
    """Every ordered pair that was shown: counts, likelihood, entropy, share and whether it is kept."""
    shown = counts.wiser + counts.not_wiser + counts.unsure
    low, high = wilson(counts.wiser, shown, level)
    whole = {
        name: getattr(counts, name).astype(np.int64)
        for name in ("wiser", "not_wiser", "unsure", "less_wise", "impressions")
    }
    return pd.DataFrame(
        {
            "from_value": ballots.values[ballots.source],
            "to_value": ballots.values[ballots.target],
            **whole,
            "likelihood": counts.likelihood,
            "entropy": counts.entropy(rule),
            "share": counts.wiser / shown,
            "share_low": low,
            "share_high": high,
            "kept": counts.kept(rule),
        }
    )


def wilson(hits: Floats, n: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """Wilson's (1927) interval of the share hits / n, elementwise; nan where n is 0."""
    z = float(norm.ppf((1 + check_level(level)) / 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(n > 0, hits / n, np.nan)
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def _edges(ballots: Ballots, pairs: pd.DataFrame) -> pd.DataFrame:
    kept = np.flatnonzero(pairs["kept"])
    edges = pairs.drop(columns="kept").iloc[kept].copy()
    edges["contexts"] = _contexts(ballots, kept)
    order = np.lexsort((kept, -edges["wiser"], -edges["likelihood"]))
    return edges.iloc[order].reset_index(drop=True)


def _contexts(ballots: Ballots, pairs: NDArray[np.intp]) -> list[tuple[Any, ...]]:
    """The contexts in which each of some pairs was shown, in either direction, in order of appearance."""
    size = len(ballots.contexts)
    pair, context = np.divmod(np.unique(ballots.pair * size + ballots.context), size)
    start, end = (np.searchsorted(pair, np.arange(ballots.pairs), side=side) for side in ("left", "right"))
    labels = ballots.contexts.to_numpy(object)
    found = []
    for one in pairs:
        codes = set(context[start[one] : end[one]].tolist())
        back = ballots.reverse[one]
        if back >= 0:
            codes |= set(context[start[back] : end[back]].tolist())
        found.append(tuple(labels[sorted(codes)]))
    return found


def _values(ballots: Ballots, scores: ranks.Scores, drawn: Floats, level: float) -> pd.DataFrame:
    """A row per value that was voted on, in the order of the ballots' codes."""
    rank, wisdom = np.zeros((2, len(ballots.values)))
    rank[scores.present], wisdom[scores.present] = scores.rank, scores.wisdom
    there = np.isfinite(drawn)
    ranked = np.where(there, drawn, 0.0)
    held = _positions(ranked)
    low, high = _quantiles(ranked, level)
    held_low, held_high = _quantiles(held, level)
    none = np.full(len(rank), np.nan)
    return pd.DataFrame(
        {
            "value": ballots.values,
            "rank": rank,
            "low": low,
            "high": high,
            "wisdom": wisdom,
            "position": _positions(rank[None, :])[0].astype(np.int64),
            "position_low": held_low,
            "position_high": held_high,
            "first": ((held == 1) & there).mean(axis=0) if len(drawn) else none,
            "present": there.mean(axis=0) if len(drawn) else none,
        }
    )


def _positions(ranked: Floats) -> Floats:
    """Positions within each row, 1 for the highest rank, ties share the better place; nan stays nan."""
    if not ranked.size:
        return np.full(ranked.shape, np.nan)
    held: Floats = rankdata(-np.nan_to_num(ranked, nan=-1.0).round(12), method="min", axis=1)
    return np.where(np.isnan(ranked), np.nan, held)


def _quantiles(drawn: Floats, level: float) -> tuple[Floats, Floats]:
    """Lower and upper ends per column, nan without rows."""
    if not len(drawn):
        return np.full(drawn.shape[1], np.nan), np.full(drawn.shape[1], np.nan)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
