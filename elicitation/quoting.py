"""Model calls that quote two cards: their keys name the cards, so that whoever erases a card finds the calls."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from elicitation.models import Card
from llm.models import Call


def key(what: str, study: UUID, cards: tuple[Card, Card], *more: object) -> str:
    """The key of a question about two cards; `more` tells it from others about the same two."""
    return ":".join(str(part) for part in (what, study, cards[0].pk, cards[1].pk, *more))


def erase(study: UUID, cards: Iterable[int], purposes: Iterable[str]) -> None:
    """Blank the study's calls for these purposes that quote any of the cards (primary keys)."""
    asked = Call.objects.of_study(study).filter(purpose__in=list(purposes)).values_list("pk", "key")
    named = {str(pk) for pk in cards}
    Call.objects.filter(pk__in=[pk for pk, name in asked if named & set(name.split(":")[2:4])]).erase()
