"""What a participant is shown: their card, the value that it belongs to now, and where that value stands."""

from __future__ import annotations

from dataclasses import dataclass

from elicitation.models import Card, mapping_of
from study.session.models import Session

NEIGHBOURS = 5


@dataclass(frozen=True)
class Place:
    """Where a value stands among `of` values that were voted on, 1 the highest, with its interval; titles of the values
    that participants moved on from to it, and of those that they moved on to."""

    position: int
    low: float
    high: float
    of: int
    above: tuple[str, ...]
    below: tuple[str, ...]

    @property
    def picture(self) -> dict[str, float]:
        """The place on a line from 20 to 580, the highest at the right: dot, and both ends of the interval."""
        return {
            name: round(580 - 560 * (at - 1) / max(self.of - 1, 1), 1)
            for name, at in (("dot", self.position), ("left", self.high), ("right", self.low))
        }


@dataclass(frozen=True)
class Standing:
    """One's own card; the canonical value's name and the mapping's version; the card that speaks for it, None where no
    other card that may be read is in it; how many other cards it holds; its place, None where nobody voted on it."""

    card: Card
    value: str
    mapping: int
    speaks: Card | None
    others: int
    place: Place | None

    @property
    def mark(self) -> str:
        """What was shown, in short: answers are kept only to what stands when they come."""
        return f"{self.mapping}:{self.value}:{self.place.position if self.place else ''}"


def standing_of(session: Session) -> Standing:
    """What became of a session's card. Raises Card.DoesNotExist when it was erased."""
    card = Card.objects.get(session=session, title__gt="")
    mapping = mapping_of(session.study_id)
    value = mapping.values().get(card.code, card.code)
    members = [code for code in mapping.members().get(value, ()) if code != card.code]
    readable = Card.objects.filter(study=session.study_id, code__in=members, title__gt="")
    words = {one.code: one for one in readable.order_by("pk") if one.session_id is None or one.shared}
    speaks = next((words[code] for code in members if code in words), None)
    return Standing(card, value, mapping.version, speaks, len(members), _place(session, value))


def _place(session: Session, value: str) -> Place | None:
    """From the graph that the explorer shows, of all votes."""
    from elicitation.explorer.asked import Asked
    from elicitation.explorer.graphs import drawn  # numbers are loaded by who looks at them

    found = drawn(session.study, Asked())
    if found.graph is None:
        return None
    table, edges = found.graph.values, found.graph.edges
    row = next((one for one in table.to_dict("records") if one["value"] == value), None)
    if row is None:
        return None
    above = edges.loc[edges["from_value"] == value, "to_value"]
    below = edges.loc[edges["to_value"] == value, "from_value"]
    return Place(
        position=int(row["position"]),
        low=float(row["position_low"]),
        high=float(row["position_high"]),
        of=len(table) + len(found.graph.outside),
        above=tuple(found.title(one) for one in above[:NEIGHBOURS]),
        below=tuple(found.title(one) for one in below[:NEIGHBOURS]),
    )
