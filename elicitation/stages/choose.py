"""Values of others: some are drawn by the seed, the participant picks those that are wisest for the case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from elicitation import library
from elicitation.models import Card, Draw
from elicitation.stages import draws
from elicitation.stages.card import chosen_case, told
from elicitation.stages.configs import ChooseValuesStage, LibraryValue, ValuesCardStage
from study.protocol.types import Question
from study.stages.base import Page, StageKind, Walk, ask, own_or_ours

if TYPE_CHECKING:
    from study.session.models import Session
    from study.session.visit import Visit


class ChooseValues(StageKind):
    kind = "choose-values"
    Config = ChooseValuesStage
    template = "elicitation/stages/choose.html"

    def opened(self, stage: ChooseValuesStage, page: Page, walk: Walk, session: Session) -> None:
        """Draw the values that this participant meets, once."""
        pool = list(library.values(study=session.study_id, stage=stage, protocol=walk.protocol).values())
        if stage.others:
            pool += others(session, chosen_case(walk))
        shown = draws.sample(pool, stage.shown, draws.uniforms(key_of(session), page.key))
        Draw.objects.bulk_create(
            Draw(
                session=session,
                page=page.key,
                number=n,
                card=card,
                propensity=stage.shown / len(pool),
                pool=len(pool),
            )
            for n, card in enumerate(shown, start=1)
        )

    def questions(self, stage: ChooseValuesStage, page: Page, walk: Walk) -> list[Question]:
        options = {card.code: text["title"] for card, text in offered(stage, page, walk)}
        return [ask("chosen", "select", own_or_ours(stage, "prompt"), options=options)] if options else []

    def context(self, stage: ChooseValuesStage, page: Page, walk: Walk, visit: Visit) -> dict[str, Any]:
        return {
            "intro": walk.protocol.say(stage.intro, walk.language),
            "case": case_told(walk),
            "values": [{"code": card.code, **text} for card, text in offered(stage, page, walk)],
            "at_least": stage.at_least,
        }

    def clean(
        self, stage: ChooseValuesStage, page: Page, walk: Walk, answers: dict[str, Any]
    ) -> dict[str, Any]:
        if len(answers.get("chosen", [])) < stage.at_least:
            raise ValidationError(_("Please choose at least %(number)s."), params={"number": stage.at_least})
        return answers


def key_of(session: Session) -> bytes:
    """The participant's key for draws; previews of unregistered studies draw from an empty seed."""
    seed = session.registration.seed if session.registration is not None else ""
    return draws.key(seed, session.participant.code)


def others(session: Session, case: str) -> list[Card]:
    """Cards that other participants approved and shared, on the same case, oldest first. Previews add none."""
    found = Card.objects.filter(study_id=session.study_id, shared=True, case=case, session__preview_arm="")
    return list(found.exclude(session=session).order_by("pk"))


def offered(stage: ChooseValuesStage, page: Page, walk: Walk) -> list[tuple[Card, dict[str, Any]]]:
    """The drawn cards with their texts, in the order drawn; the library's in the participant's language."""
    if walk.session is None:
        return []
    rows = (
        Draw.objects.filter(session_id=walk.session, page=page.key).select_related("card").order_by("number")
    )
    known = {value.id: value for value in stage.values}
    return [
        (row.card, words(row.card, known, walk)) for row in rows if row.card is not None and row.card.title
    ]


def words(card: Card, known: dict[str, LibraryValue], walk: Walk) -> dict[str, Any]:
    """Title, description and policies as shown."""
    own = known.get(card.code) if card.session_id is None else None
    if own is None:
        return {"title": card.title, "description": card.description, "policies": card.policies}
    say, language = walk.protocol.say, walk.language
    return {
        "title": say(own.title, language),
        "description": say(own.description, language),
        "policies": [say(policy, language) for policy in own.policies],
    }


def case_told(walk: Walk) -> dict[str, str]:
    """The participant's case in their language."""
    stage = next(stage for stage in walk.protocol.flow if isinstance(stage, ValuesCardStage))
    chosen = chosen_case(walk)
    return told(next(case for case in stage.cases if case.id == chosen), walk)
