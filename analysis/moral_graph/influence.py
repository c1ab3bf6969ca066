"""How much can a few do? Coordinated votes, and the weight of each single participant."""

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.moral_graph import ranks
from analysis.moral_graph.rules import Rule, answers, rule_of
from analysis.moral_graph.votes import VERDICTS, Ballots

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Takeover:
    """What it takes to make a value the winner.

    attackers: participants to add, each with `votes_each` votes; None where not even `most` would do.
    share: attackers among all participants then, 0 to 1; nan where they would not do.
    """

    value: Hashable
    attackers: int | None
    share: float
    votes_each: int
    most: int


def takeover(
    ballots: Ballots,
    value: Hashable,
    rule: str | Rule = "corrected",
    *,
    votes_each: int | None = None,
    most: int | None = None,
) -> Takeover:
    """The fewest coordinated participants that make `value` the winner.

    They can only answer stories that exist, each story once. Every attacker says "wiser" to the stories
    that lead to `value`, those from the highest ranks first, and with votes left over "not wiser" to the
    stories that lead to today's winner, the most supported first. votes_each: votes of an attacker; the
    median of the participants' when not given. most: attackers tried; as many as participants when not given.
    The number is found by doubling and halving, which takes it that more attackers never do less.
    Raises ValueError for an unknown value, and where there is no winner yet.
    """
    rule = rule_of(rule)
    each = votes_each if votes_each is not None else median_votes(ballots)
    people = len(ballots.participants)
    limit = most if most is not None else people
    if each < 1 or limit < 1:
        raise ValueError(f"votes_each is {each} and most is {limit}: at least 1 of each")
    attack = _Attack(ballots, rule, _code(ballots, value), each)
    needed = 0 if attack.wins(0) else _fewest(attack, limit)
    if needed is None:
        return Takeover(value, None, np.nan, each, limit)
    return Takeover(value, needed, needed / (people + needed), each, limit)


def takeovers(
    ballots: Ballots,
    rule: str | Rule = "corrected",
    *,
    candidates: int = 10,
    votes_each: int | None = None,
    most: int | None = None,
) -> pd.DataFrame:
    """`takeover` for the values ranked next to the winner, easiest first.

    Columns: value, position (today), attackers (missing where most would not do), share, votes_each, most.
    """
    rule = rule_of(rule)
    scores = ranks.score(ballots, answers(ballots), rule)
    order = scores.present[np.argsort(-scores.rank, kind="stable")]
    rows = []
    for position, code in enumerate(order[1 : candidates + 1], start=2):
        found = takeover(ballots, ballots.values[code], rule, votes_each=votes_each, most=most)
        rows.append({"position": position, **{name: getattr(found, name) for name in found.__slots__}})
    columns = ["value", "position", "attackers", "share", "votes_each", "most"]
    table = pd.DataFrame(rows, columns=pd.Index(columns))
    table["attackers"] = table["attackers"].astype("Int64")
    return table.sort_values(["share", "position"], ignore_index=True)


def participants(ballots: Ballots, rule: str | Rule = "corrected") -> pd.DataFrame:
    """What each participant's votes change: a row per participant, the most influential first.

    Columns: participant, votes, moved (largest change of any value's rank when left out, 0 to 1; a value
    that leaves the graph goes to 0) and winner (the winner without them).
    """
    rule = rule_of(rule)
    whole = _ranked(ballots, answers(ballots), rule)
    given = np.bincount(ballots.participant, minlength=len(ballots.participants))
    rows = []
    for code, participant in enumerate(ballots.participants):
        drawn = np.ones(len(ballots.participants))
        drawn[code] = 0
        without = _ranked(ballots, answers(ballots, drawn), rule)
        winner = ballots.values[int(without.argmax())] if without.any() else None
        moved = float(np.abs(without - whole).max())
        rows.append({"participant": participant, "votes": given[code], "moved": moved, "winner": winner})
    return pd.DataFrame(rows).sort_values("moved", ascending=False, kind="stable", ignore_index=True)


def median_votes(ballots: Ballots) -> int:
    """The median number of votes of a participant, rounded."""
    return int(np.median(np.bincount(ballots.participant)).round())


def _code(ballots: Ballots, value: Hashable) -> int:
    found = np.flatnonzero(ballots.values == value)
    if not len(found):
        raise ValueError(f"value {value!r} has no votes")
    return int(found[0])


def _ranked(ballots: Ballots, cells: Floats, rule: Rule) -> Floats:
    """Ranks of all values, 0 for those without an edge."""
    scores = ranks.score(ballots, cells, rule)
    found = np.zeros(len(ballots.values))
    found[scores.present] = scores.rank
    return found


def _fewest(attack: "_Attack", most: int) -> int | None:
    """The smallest number of attackers up to `most` that wins; None where none does."""
    low, high = 0, 1
    while not attack.wins(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if attack.wins(middle) else (middle, high)
    return high


class _Attack:
    """Identical ballots of coordinated participants, added to the counts."""

    def __init__(self, ballots: Ballots, rule: Rule, target: int, each: int) -> None:
        self.ballots, self.rule, self.target = ballots, rule, target
        self.cells = answers(ballots)
        rank = _ranked(ballots, self.cells, rule)
        if not rank.any():
            raise ValueError("no edge is kept: there is no winner to replace")
        self.added = self._ballot(rank, each)

    def _ballot(self, rank: Floats, each: int) -> Floats:
        """One attacker's votes, (pairs, 3)."""
        ballots, winner = self.ballots, int(rank.argmax())
        towards = np.flatnonzero(ballots.target == self.target)
        towards = towards[np.argsort(-rank[ballots.source[towards]], kind="stable")][:each]
        against = np.flatnonzero((ballots.target == winner) & (winner != self.target))
        against = np.setdiff1d(against, towards)
        against = against[np.argsort(-self.cells[against, 0], kind="stable")][: each - len(towards)]
        added = np.zeros((ballots.pairs, len(VERDICTS)))
        added[towards, 0] = 1
        added[against, 1] = 1
        return added

    def wins(self, attackers: int) -> bool:
        """Whether the value is alone at the top with so many attackers."""
        rank = _ranked(self.ballots, self.cells + attackers * self.added, self.rule)
        others = np.delete(rank, self.target)
        return bool(rank[self.target] > others.max(initial=0.0) + 1e-12)


def forged(
    ballots: Ballots, value: Hashable, attackers: int, *, votes_each: int, rule: str | Rule
) -> Ballots:
    """The ballots with the coordinated votes of `takeover` really cast, by new participants.

    For rehearsals and for checking `takeover` the long way.
    """
    attack = _Attack(ballots, rule_of(rule), _code(ballots, value), votes_each)
    pair, verdict = np.nonzero(attack.added)
    people = len(ballots.participants)
    names = pd.Index([*ballots.participants, *(f"coordinated-{i + 1}" for i in range(attackers))])
    return replace(
        ballots,
        participants=names,
        participant=np.concatenate(
            [ballots.participant, np.repeat(np.arange(attackers) + people, len(pair))]
        ),
        context=np.concatenate([ballots.context, np.zeros(attackers * len(pair), dtype=np.intp)]),
        verdict=np.concatenate([ballots.verdict, np.tile(verdict, attackers)]),
        pair=np.concatenate([ballots.pair, np.tile(pair, attackers)]),
    )
