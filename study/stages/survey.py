"""Surveys and feedback: questions and scales on one page."""

from typing import Any

from study.protocol.types import Protocol, Question, Scale, ScaleItem
from study.stages.base import Page, StageKind, Stem, Walk, ask
from study.stages.columns import Column
from study.stages.configs import FeedbackStage, SurveyStage


class Survey(StageKind):
    kind = "survey"
    Config = SurveyStage
    template = "study/stages/survey.html"

    def scales(self, stage: SurveyStage, walk: Walk) -> list[Scale]:
        """The scales of this page that this walk's arm is asked."""
        known = walk.protocol.scales_by_id
        return [known[scale] for scale in stage.scales if _asked(known[scale].arms, walk)]

    def questions(self, stage: SurveyStage, page: Page, walk: Walk) -> list[Question]:
        own = [q for q in stage.questions if _asked(q.arms, walk)]
        return own + [scale_question(s, item) for s in self.scales(stage, walk) for item in s.items]

    def pages(self, stage: SurveyStage, walk: Walk) -> list[Page]:
        return super().pages(stage, walk) if self.questions(stage, Page("", "", ""), walk) else []

    def context(self, stage: SurveyStage, page: Page, walk: Walk, visit: Any) -> dict[str, Any]:
        say = walk.protocol.say
        return {
            "intro": say(stage.intro, walk.language),
            "stems": {
                s.items[0].id: Stem(say(s.title, walk.language), say(s.stem, walk.language))
                for s in self.scales(stage, walk)
            },
        }

    def columns(self, stage: SurveyStage, protocol: Protocol) -> list[Column]:
        label = protocol.languages[0]
        columns = [
            Column(q.id, "participants", q.kind, protocol.say(q.text, label), tuple(q.options))
            for q in stage.questions
        ]
        for scale in (protocol.scales_by_id[s] for s in stage.scales):
            columns += [
                Column(i.id, "participants", "likert", protocol.say(i.text, label)) for i in scale.items
            ]
            columns.append(Column(scale.id, "participants", "score", protocol.say(scale.title, label)))
        return columns


class Feedback(StageKind):
    kind = "feedback"
    Config = FeedbackStage
    template = "study/stages/survey.html"

    def questions(self, stage: FeedbackStage, page: Page, walk: Walk) -> list[Question]:
        return [q for q in stage.questions if _asked(q.arms, walk)]

    def context(self, stage: FeedbackStage, page: Page, walk: Walk, visit: Any) -> dict[str, Any]:
        return {"intro": walk.protocol.say(stage.text, walk.language)}

    def columns(self, stage: FeedbackStage, protocol: Protocol) -> list[Column]:
        label = protocol.languages[0]
        return [Column(q.id, "participants", q.kind, protocol.say(q.text, label)) for q in stage.questions]


def scale_question(scale: Scale, item: ScaleItem) -> Question:
    """One statement of a scale as a question."""
    if scale.kind == "semantic":
        return ask(item.id, "semantic", item.text, anchors=[item.text, item.right], points=scale.points)
    return ask(item.id, "likert", item.text, anchors=scale.anchors, points=scale.points)


def _asked(arms: list[str], walk: Walk) -> bool:
    return not arms or bool(walk.arm and walk.arm.id in arms)
