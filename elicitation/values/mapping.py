"""Which canonical value a card belongs to, as a list of decisions that can be replayed and taken back.

Votes and cards are never rewritten. A mapping is the decisions so far; its version is their number, and every
earlier version can be had again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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
    """cards: ids of all cards, oldest first; the oldest of a group names its value."""

    cards: tuple[str, ...]
    decisions: tuple[Decision, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.cards)) < len(self.cards):
            raise ValueError("a card is there twice")
        for decision in self.decisions:
            _check(decision, self.cards)

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
        group = {card: place for place, card in enumerate(self.cards)}
        for fresh, decision in enumerate(self.decisions, start=len(self.cards)):
            if decision.kind == "split":
                moved = set(decision.cards)
            else:
                joined = {group[card] for card in decision.cards}
                moved = {card for card, own in group.items() if own in joined}
            group.update(dict.fromkeys(moved, fresh))
        oldest: dict[int, str] = {}
        return {card: oldest.setdefault(group[card], card) for card in self.cards}

    def members(self) -> dict[str, tuple[str, ...]]:
        """The cards of each canonical value, oldest first."""
        found: dict[str, tuple[str, ...]] = {}
        for card, value in self.values().items():
            found[value] = (*found.get(value, ()), card)
        return found

    def as_json(self) -> dict[str, Any]:
        rows = [
            {"kind": d.kind, "cards": list(d.cards), "reason": d.reason, "by": d.by} for d in self.decisions
        ]
        return {"cards": list(self.cards), "decisions": rows}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ValueMapping":
        rows = (
            Decision(row["kind"], tuple(row["cards"]), row["reason"], row["by"]) for row in data["decisions"]
        )
        return cls(tuple(data["cards"]), tuple(rows))


def _check(decision: Decision, cards: tuple[str, ...]) -> None:
    if decision.kind not in ("merge", "split"):
        raise ValueError(f"a decision is to merge or to split, not to {decision.kind!r}")
    if len(set(decision.cards)) < (2 if decision.kind == "merge" else 1):
        raise ValueError(
            f"to {decision.kind} takes {'two cards' if decision.kind == 'merge' else 'a card'} at least"
        )
    unknown = [card for card in decision.cards if card not in set(cards)]
    if unknown:
        raise ValueError(f"card {unknown[0]!r} is unknown")
