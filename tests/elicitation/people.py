"""Participants of an elicitation for tests: what they write on each kind of page."""

from __future__ import annotations

from typing import Any

from elicitation.models import Upgrade
from study.protocol import Protocol, read
from tests.factories import PROTOCOLS
from tests.study.session.visitor import Visitor

CARD = {
    "title": "Honest Company",
    "description": "Staying with somebody without making it smaller.",
    "policies": [
        "SILENCES that want no filling",
        "WORDS that admit how bad it is",
        "OFFERS that can be refused",
    ],
}


def small() -> Protocol:
    """Two cases, six values, four upgrades; two stories a participant."""
    return read(PROTOCOLS / "values.yaml")


def fill(part: str, **changes: Any) -> dict[str, Any]:
    """A sensible form for a page of the values card."""
    policies = {f"policy_{n}": text for n, text in enumerate(CARD["policies"], start=1)}
    blank = {f"policy_{n}": "" for n in range(4, 8)}
    words = {"title": CARD["title"], "description": CARD["description"]}
    forms: dict[str, dict[str, Any]] = {
        "case": {"case": "friend"},
        "story": {"story": "My neighbour fell ill, and I sat with her every evening."},
        "attention": {"attention": "Her silences.", "otherwise": "The silences still."},
        "policies": {**policies, **blank},
        "words": words,
        "card": {**words, **policies, **blank, "decision": "approve", "share": "yes"},
    }
    return {**forms[part], **changes}


def to_card(visitor: Visitor, **changes: Any) -> Visitor:
    """Through the guided pages to the card itself, which is open and not sent."""
    visitor.open().go_to("card")
    for part in ("case", "story", "attention", "policies", "words"):
        assert visitor.page is not None
        assert visitor.page.key == f"card.{part}", visitor.page.key
        visitor.send(**fill(part, **changes.get(part, {})))
    return visitor


def to_values(visitor: Visitor, **changes: Any) -> Visitor:
    """Past one's own card to the page of others' values."""
    return to_card(visitor, **changes).send(**fill("card", **changes.get("card", {})))


def to_stories(visitor: Visitor) -> Visitor:
    """Past others' values (the first two are chosen) to the first story."""
    to_values(visitor)
    return visitor.send(chosen=offered(visitor)[:2])


def offered(visitor: Visitor) -> list[str]:
    """The values on the open page."""
    assert visitor.page is not None
    return list(next(control.values for control in visitor.page.controls if control.name == "chosen"))


def vote(visitor: Visitor, verdict: str = "wiser", why: str = "") -> Visitor:
    """Answer the open story."""
    return visitor.send(verdict=verdict, why=why)


def sincere(visitor: Visitor) -> str:
    """What somebody says of the open story who finds the protocol's way wiser, whichever way is told."""
    assert visitor.page is not None
    upgrade = Upgrade.objects.get(draws__session=visitor.session, draws__page=visitor.page.key)
    return "wiser" if upgrade.direction == Upgrade.Direction.THERE else "not_wiser"
