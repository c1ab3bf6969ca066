"""Recognition check: which of these questions did you answer?"""

import hashlib
from typing import Any

from django.utils.translation import gettext_lazy as _

from study.protocol.types import Protocol, Question
from study.stages.base import Page, StageKind, Walk, ask
from study.stages.columns import Column
from study.stages.configs import RecognitionStage


class Recognition(StageKind):
    kind = "recognition"
    Config = RecognitionStage
    template = "study/stages/survey.html"

    def questions(self, stage: RecognitionStage, page: Page, walk: Walk) -> list[Question]:
        """The study's questions and the foils, in an order that depends on the participant's item order alone."""
        options = {"answered": str(_("I answered this")), "not_answered": str(_("I did not answer this"))}
        texts = [(item, walk.item(item).question) for item in walk.item_order]
        texts += [(foil.id, foil.text) for foil in stage.foils]
        texts.sort(key=lambda pair: _shuffle_key(walk.item_order, pair[0]))
        return [ask(key, "choice", text, options=options) for key, text in texts]

    def clean(
        self, stage: RecognitionStage, page: Page, walk: Walk, answers: dict[str, Any]
    ) -> dict[str, Any]:
        return {key: value == "answered" for key, value in answers.items()}

    def context(self, stage: RecognitionStage, page: Page, walk: Walk, visit: Any) -> dict[str, Any]:
        return {"intro": walk.protocol.say(stage.intro, walk.language)}

    def columns(self, stage: RecognitionStage, protocol: Protocol) -> list[Column]:
        return [
            Column("recognition_hits", "participants", "integer", "questions of the study recognised"),
            Column(
                "recognition_false_alarms",
                "participants",
                "integer",
                "foils taken for questions of the study",
            ),
        ]


def _shuffle_key(order: tuple[str, ...], key: str) -> str:
    return hashlib.sha256("\x1f".join((*order, key)).encode()).hexdigest()
