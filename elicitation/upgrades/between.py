"""The values between which upgrades are proposed: the protocol's library, and what participants added to it."""

from __future__ import annotations

from dataclasses import dataclass

from elicitation import library
from elicitation.models import Card, mapping_of
from elicitation.stages.configs import ChooseValuesStage
from study.registration.frozen import current, protocol_of
from study.registration.models import Study


@dataclass(frozen=True)
class Value:
    """A value and the card that speaks for it. cases: ids of those that its authors chose; empty for the library's,
    which stands for every case."""

    card: Card
    cases: frozenset[str] = frozenset()

    def fits(self, cases: list[str]) -> bool:
        """May it be asked about in a context of these cases (none: of all)?"""
        return not self.cases or not cases or not self.cases.isdisjoint(cases)


def values_of(study: Study) -> list[Value]:
    """The library's values, then those that no library card belongs to, each by its oldest card that participants may
    read. The latter only where the protocol shows participants the cards of others (`others: true`). Raises WrongState
    before registration."""
    found = [Value(card) for card in library.rows_of(study)]
    flow = protocol_of(current(study).pk).flow
    if not any(isinstance(stage, ChooseValuesStage) and stage.others for stage in flow):
        return found
    shared = Card.objects.filter(study=study, session__preview_arm="", shared=True, title__gt="")
    cards = {card.code: card for card in shared.order_by("pk")}
    ours = {value.card.code for value in found}
    for members in mapping_of(study.pk).members().values():
        told = [cards[code] for code in members if code in cards]
        if told and ours.isdisjoint(members):
            found.append(Value(told[0], frozenset(card.case for card in told if card.case)))
    return found
