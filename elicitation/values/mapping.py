"""Which canonical value a card belongs to, as a list of decisions that can be replayed and taken back.

Votes and cards are never rewritten. A mapping is the decisions so far; its version is their number, and every
earlier version can be had again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal

Kind = Literal["merge", "split"]


@dataclass(frozen=True, slots=True)
class Decision:
    """merge: the groups of these cards become one. split: these cards leave their group, as one new group."""

    kind: Kind
    cards: tuple[str, ...]
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class ValueMapping:
    """cards: ids of all cards, oldest first; the oldest of a group names its value. gone: cards whose words were
    erased; what they joined stays joined, and they are in no value."""

    cards: tuple[str, ...]
    decisions: tuple[Decision, ...] = ()
    gone: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        known = set(self.cards)
        if len(known) < len(self.cards):
            raise ValueError("a card is there twice")
        for decision in self.decisions:
            _check(decision, known)

    @property
    def version(self) -> int:
        return len(self.decisions)

    def at(self, version: int) -> "ValueMapping":
        """The mapping as it was after so many decisions."""
        if not 0 <= version <= self.version:
            raise ValueError(f"there is no version {version}: the latest is {self.version}")
        return replace(self, decisions=self.decisions[:version])

    def decide(self, kind: Kind, cards: Iterable[str], *, reason: str, by: str) -> "ValueMapping":
        """The mapping with one decision more."""
        return replace(self, decisions=(*self.decisions, Decision(kind, tuple(cards), reason, by)))

    def values(self) -> dict[str, str]:
        """Each card's canonical value: the oldest card of its group."""
        group = _replayed(self).group
        oldest: dict[int, str] = {}
        return {card: oldest.setdefault(group[card], card) for card in self.cards if card not in self.gone}

    def members(self) -> dict[str, tuple[str, ...]]:
        """The cards of each canonical value, oldest first."""
        return members_of(self.values())

    def taken_back(self, number: int) -> tuple[str, ...]:
        """The cards to split off so that merge `number` (from 1) joins nothing any more: those that it alone holds with
        its first card. Raises ValueError where it is no merge that stands, and where another decision joins the
        same cards."""
        replayed = _replayed(self)
        links = [link for link in replayed.links if link[2] == number]
        if not links:
            raise ValueError(f"decision {number} is no merge that stands")
        left = [link for link in replayed.links if link[2] != number]
        first, last = links[0][0], links[-1][1]
        group = replayed.members[replayed.group[first]]
        parts = _components(group, left)
        away = [part for part in parts if last in part and first not in part]
        if not away:
            raise ValueError("another decision makes the same cards one value: take that back first")
        return tuple(card for card in self.cards if card in away[0])

    def as_json(self) -> dict[str, Any]:
        rows = [
            {"kind": d.kind, "cards": list(d.cards), "reason": d.reason, "by": d.by} for d in self.decisions
        ]
        return {"cards": list(self.cards), "decisions": rows, "gone": sorted(self.gone)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ValueMapping":
        rows = (
            Decision(row["kind"], tuple(row["cards"]), row["reason"], row["by"]) for row in data["decisions"]
        )
        return cls(tuple(data["cards"]), tuple(rows), frozenset(data.get("gone", ())))


def members_of(values: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The cards of each value, in their order; `values` is card to value.

    >>> members_of({"a": "a", "b": "b", "c": "a"})
    {'a': ('a', 'c'), 'b': ('b',)}
    """
    found: dict[str, list[str]] = {}
    for card, value in values.items():
        found.setdefault(value, []).append(card)
    return {value: tuple(cards) for value, cards in found.items()}


def _check(decision: Decision, known: set[str]) -> None:
    if decision.kind not in ("merge", "split"):
        raise ValueError(f"a decision is to merge or to split, not to {decision.kind!r}")
    if len(set(decision.cards)) < (2 if decision.kind == "merge" else 1):
        raise ValueError(
            f"to {decision.kind} takes {'two cards' if decision.kind == 'merge' else 'a card'} at least"
        )
    unknown = [card for card in decision.cards if card not in known]
    if unknown:
        raise ValueError(f"card {unknown[0]!r} is unknown")


Link = tuple[str, str, int]


class _Replay:
    """The groups after each decision, and the links that hold each together: (card, card, number of the decision)."""

    def __init__(self, cards: tuple[str, ...]) -> None:
        self.group = {card: place for place, card in enumerate(cards)}
        self.members = {place: [card] for place, card in enumerate(cards)}
        self.links: list[Link] = []
        self.fresh = count(len(cards))

    def merge(self, cards: tuple[str, ...], number: int) -> None:
        into = max({self.group[card] for card in cards}, key=lambda key: len(self.members[key]))
        for card in cards:
            if self.group[card] != into:
                moved = self.members.pop(self.group[card])
                self.members[into] += moved
                self.group.update(dict.fromkeys(moved, into))
        self.links += [(cards[0], card, number) for card in cards[1:]]

    def split(self, cards: tuple[str, ...], number: int) -> None:
        moved = set(cards)
        self.links = [link for link in self.links if (link[0] in moved) == (link[1] in moved)]
        for key in {self.group[card] for card in cards}:
            left = [card for card in self.members.pop(key) if card not in moved]
            self._stand(left, number)
        self._stand([card for card in self.group if card in moved], number)

    def _stand(self, cards: list[str], number: int) -> None:
        """These cards as a group of their own; parts that nothing else holds together are linked by this decision."""
        if not cards:
            return
        key = next(self.fresh)
        self.members[key] = cards
        self.group.update(dict.fromkeys(cards, key))
        first, *others = _components(cards, self.links)
        self.links += [(min(first), min(part), number) for part in others]


def _replayed(mapping: ValueMapping) -> _Replay:
    found = _Replay(mapping.cards)
    for number, decision in enumerate(mapping.decisions, start=1):
        (found.merge if decision.kind == "merge" else found.split)(decision.cards, number)
    return found


def _components(cards: Iterable[str], links: list[Link]) -> list[set[str]]:
    """The cards in parts that hold together by links between them."""
    part = {card: {card} for card in cards}
    for one, other, _ in links:
        if one in part and other in part and part[one] is not part[other]:
            joined = part[one] | part[other]
            part.update(dict.fromkeys(joined, joined))
    found: list[set[str]] = []
    for mine in part.values():
        if not any(mine is other for other in found):
            found.append(mine)
    return found
