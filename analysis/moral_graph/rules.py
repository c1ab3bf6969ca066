"""From votes to edges: counts of ordered pairs, likelihood, entropy, and which pairs are kept.

Two rules. `legacy` is the one of the published moral graph (Klingefjord, Lowe, Edelman 2024), with its
entropy that takes the number of impressions for an answer and its PageRank that loses the mass of values
without an outgoing edge. `corrected`, our default, has the entropy of the four answers and keeps the mass.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.moral_graph.votes import Ballots

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Rule:
    """How pairs become edges and edges become ranks.

    An ordered pair is kept with at least min_wiser votes "wiser", a likelihood of at least
    min_likelihood and an entropy of at most max_entropy bits.
    """

    name: str
    impressions_in_entropy: bool
    dangling_dropped: bool
    min_wiser: int = 2
    min_likelihood: float = 0.33
    max_entropy: float = 1.69
    damping: float = 0.85


LEGACY = Rule("legacy", impressions_in_entropy=True, dangling_dropped=True)
CORRECTED = Rule("corrected", impressions_in_entropy=False, dangling_dropped=False)
RULES = {rule.name: rule for rule in (LEGACY, CORRECTED)}


def rule_of(rule: str | Rule) -> Rule:
    """The rule of that name, or the rule itself. Raises ValueError for an unknown name."""
    if isinstance(rule, Rule):
        return rule
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}: {' or '.join(RULES)}")
    return RULES[rule]


@dataclass(frozen=True, slots=True)
class Counts:
    """Answers per ordered pair a to b, shape (pairs,) each.

    wiser, not_wiser, unsure: votes on a to b. less_wise: votes "wiser" on b to a.
    impressions: votes on the pair in either direction.
    """

    wiser: Floats
    not_wiser: Floats
    unsure: Floats
    less_wise: Floats
    impressions: Floats

    @property
    def answers(self) -> Floats:
        total: Floats = self.wiser + self.not_wiser + self.unsure + self.less_wise
        return total

    @property
    def likelihood(self) -> Floats:
        """(wiser - less_wise) / all four answers, -1 to 1; 0 where there is no answer, as published."""
        return (self.wiser - self.less_wise) / np.maximum(self.answers, 1)

    def entropy(self, rule: Rule) -> Floats:
        """Bits; over four answers, under the legacy rule over these and the impressions."""
        parts = [self.wiser, self.not_wiser, self.less_wise, self.unsure]
        if rule.impressions_in_entropy:
            parts.append(self.impressions)
        return bits(np.stack(parts))

    def kept(self, rule: Rule) -> Flags:
        """Which pairs become edges."""
        kept: Flags = (self.wiser >= rule.min_wiser) & (self.likelihood >= rule.min_likelihood)
        kept[kept] = self.at(kept).entropy(rule) <= rule.max_entropy
        return kept

    def at(self, which: Flags | Ints) -> "Counts":
        """The counts of some pairs."""
        return Counts(
            self.wiser[which],
            self.not_wiser[which],
            self.unsure[which],
            self.less_wise[which],
            self.impressions[which],
        )


def bits(counts: Floats) -> Floats:
    """Entropy in bits over the first axis of counts (categories, ...); 0 where there is nothing."""
    share = counts / np.maximum(counts.sum(axis=0), 1)
    safe = np.where(share > 0, share, 1.0)
    entropy: Floats = -(safe * np.log2(safe)).sum(axis=0)
    return np.abs(entropy)  # no negative zero


def answers(ballots: Ballots, drawn: Floats | None = None) -> Floats:
    """Votes wiser, not wiser and unsure per ordered pair, (pairs, 3).

    drawn: how often each participant counts, shape (participants,); once when not given. A bootstrap
    resample is a vector of such counts.
    """
    weights = None if drawn is None else drawn[ballots.participant]
    cells = np.bincount(ballots.cell, weights=weights, minlength=3 * ballots.pairs)
    return cells.reshape(-1, 3).astype(np.float64)


def tally(cells: Floats, reverse: Ints, which: Ints | None = None) -> Counts:
    """The counts of both directions from the answers (pairs, 3) and each pair's reverse (-1: never shown).

    which: only of these pairs; of all when not given.
    """
    own = cells if which is None else cells[which]
    back = reverse if which is None else reverse[which]
    other = np.where((back >= 0)[:, None], cells[back], 0.0)
    shown = own.sum(axis=1) + other.sum(axis=1)
    return Counts(own[:, 0], own[:, 1], own[:, 2], other[:, 0], shown)
