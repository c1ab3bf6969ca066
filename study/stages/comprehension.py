"""Comprehension: TRUE/FALSE statements; a wrong answer is explained and asked again."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from study.protocol.types import Protocol, Question
from study.stages.base import AGAIN, NEXT, Answers, Move, Page, StageKind, Walk, ask
from study.stages.columns import Column
from study.stages.configs import ComprehensionStage, Statement


class Comprehension(StageKind):
    kind = "comprehension"
    Config = ComprehensionStage
    template = "study/stages/comprehension.html"

    def asked(self, stage: ComprehensionStage, walk: Walk) -> list[Statement]:
        """The statements of this walk's arm."""
        return [s for s in stage.statements if not s.arms or (walk.arm and walk.arm.id in s.arms)]

    def pages(self, stage: ComprehensionStage, walk: Walk) -> list[Page]:
        return super().pages(stage, walk) if self.asked(stage, walk) else []

    def questions(self, stage: ComprehensionStage, page: Page, walk: Walk) -> list[Question]:
        options = {"true": str(_("True")), "false": str(_("False"))}
        return [ask(s.id, "choice", s.text, options=options) for s in self.asked(stage, walk)]

    def clean(
        self, stage: ComprehensionStage, page: Page, walk: Walk, answers: dict[str, Any]
    ) -> dict[str, Any]:
        return {key: value == "true" for key, value in answers.items()}

    def wrong(self, stage: ComprehensionStage, walk: Walk, answers: Answers) -> Sequence[Statement]:
        """Statements that these answers got wrong."""
        return [s for s in self.asked(stage, walk) if answers.get(s.id) is not s.truth]

    def context(self, stage: ComprehensionStage, page: Page, walk: Walk, visit: Any) -> dict[str, Any]:
        """After a wrong try: what was wrong, explained; the right ones stay filled in."""
        before = visit.earlier(page.key) if visit.session.attempt > 1 else None
        wrong = self.wrong(stage, walk, before) if before is not None else []
        explanations = {s.id: walk.protocol.say(s.explanation, walk.language) for s in wrong}
        keep = {
            key: ("true" if value else "false")
            for key, value in (before or {}).items()
            if key not in explanations
        }
        return {
            "intro": walk.protocol.say(stage.intro, walk.language),
            "explanations": explanations,
            "keep": keep,
        }

    def move(self, stage: ComprehensionStage, page: Page, walk: Walk, answers: Answers, attempt: int) -> Move:
        if not self.wrong(stage, walk, answers):
            return NEXT
        if stage.max_attempts and attempt >= stage.max_attempts:
            return Move(end="failed_check")
        return AGAIN

    def columns(self, stage: ComprehensionStage, protocol: Protocol) -> list[Column]:
        return [Column("comprehension_errors", "participants", "integer", "wrong answers over all attempts")]
