"""Consent: a versioned text, agreed to or declined. What was agreed to is stored with the hash of its exact words."""

import hashlib
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from study.protocol.types import Question
from study.stages.base import NEXT, Answers, Move, Page, StageKind, Walk, ask, own_or_ours
from study.stages.configs import ConsentStage

DECISION = "agreed"


class Consent(StageKind):
    kind = "consent"
    Config = ConsentStage
    template = "study/stages/consent.html"

    def questions(self, stage: ConsentStage, page: Page, walk: Walk) -> list[Question]:
        """One tick per statement, and the decision itself (two buttons)."""
        ticks = [
            ask(f"statement_{n}", "select", text, options={"yes": text}, required=False)
            for n, text in enumerate(own_or_ours(stage, "statements"), start=1)
        ]
        return [
            *ticks,
            ask(DECISION, "choice", _("Do you want to take part?"), options={"yes": "", "no": ""}),
        ]

    def context(self, stage: ConsentStage, page: Page, walk: Walk, visit: Any) -> dict[str, Any]:
        return {
            "text": walk.protocol.say(stage.text, walk.language),
            "contact": walk.protocol.contact,
            "minutes": walk.protocol.session.minutes,
            "deletion_days": stage.deletion_days,
            "version": stage.version,
        }

    def clean(self, stage: ConsentStage, page: Page, walk: Walk, answers: dict[str, Any]) -> dict[str, Any]:
        agreed = answers.pop(DECISION) == "yes"
        missing = {key: _("Please tick this to take part.") for key, ticked in answers.items() if not ticked}
        if agreed and missing:
            raise ValidationError(missing)
        text = walk.protocol.say(stage.text, walk.language)
        return {
            DECISION: agreed,
            "version": stage.version,
            "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
        }

    def move(self, stage: ConsentStage, page: Page, walk: Walk, answers: Answers, attempt: int) -> Move:
        return NEXT if answers[DECISION] else Move(end="declined")
