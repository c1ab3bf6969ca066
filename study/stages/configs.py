"""The shipped stage kinds' configurations: what a protocol's `flow` may hold."""

from typing import Literal

from django.utils.translation import gettext_noop as _
from pydantic import Field

from analysis.plan.types import Frozen, Id
from study.protocol.types import Question, Scale, Source, Stage, Text


class ConsentStage(Stage):
    """Versioned text, agreed to or declined. `statements` must each be ticked."""

    kind: Literal["consent"] = "consent"
    version: str
    text: Text = Field(description="Markdown without HTML")
    statements: list[Text] = Field(default=[_("I have read this page and I take part of my own free will.")])
    deletion_days: int = Field(default=30, ge=1, description="until when people can have their data erased")


class InstructionsStage(Stage):
    """One or more pages to read."""

    kind: Literal["instructions"] = "instructions"
    pages: list[Text] = Field(min_length=1)


class Statement(Frozen):
    """A TRUE/FALSE statement with the explanation that is shown when it was answered wrongly."""

    id: Id
    text: Text
    truth: bool
    explanation: Text
    arms: list[Id] = []


class ComprehensionStage(Stage):
    """TRUE/FALSE statements; wrong ones are explained and asked again. `max_attempts` = 0: as often as needed; else the
    participant ends as failed_check after that many."""

    kind: Literal["comprehension"] = "comprehension"
    intro: Text = ""
    statements: list[Statement] = Field(min_length=1)
    max_attempts: int = Field(default=0, ge=0, le=10)


class TrialsStage(Stage):
    """The tasks. One-stage: question, the AI's answer and everything asked on one page. Two-stage: the own answer
    first, then the AI's answer and the final answer. The answer itself stands at `answer_position` (0-based) among
    `questions`; its columns are `initial` and `final`."""

    kind: Literal["trials"] = "trials"
    items: list[Id] | Literal["all"] = "all"
    intro: Text = ""
    prompt: Text = Field(default=_("What is your final answer?"), description="above the (final) answer")
    initial_prompt: Text = _("What is your own answer?")
    initial_questions: list[Question] = Field(
        default=[], description="two-stage: asked with the first answer"
    )
    questions: list[Question] = Field(default=[], description="asked with the (final) answer")
    answer_position: int = Field(default=0, ge=0)
    search_engine: Text = Field(default=_("Answer by AI"), description="heading of the answer panel")


class SurveyStage(Stage):
    """Questions, then scales, on one page."""

    kind: Literal["survey"] = "survey"
    intro: Text = ""
    questions: list[Question] = []
    scales: list[Id] = Field(
        default=[], description="ids of the protocol's scales, shown after the questions"
    )
    shuffle: bool = False


class Foil(Frozen):
    """A question that was not asked, for the recognition check."""

    id: Id
    text: Text


class RecognitionStage(Stage):
    """Which of these questions did you answer? The study's items and foils, in the participant's order."""

    kind: Literal["recognition"] = "recognition"
    intro: Text = ""
    foils: list[Foil] = Field(min_length=1)


class DebriefStage(Stage):
    """What the study was about and, item by item, what is true."""

    kind: Literal["debrief"] = "debrief"
    text: Text
    sources: list[Source] = []


class FeedbackStage(Stage):
    """Optional open words at the end, after the debrief."""

    kind: Literal["feedback"] = "feedback"
    text: Text = ""
    questions: list[Question] = []


class CompletionStage(Stage):
    """Thanks, and the way back to the panel with the code of the outcome."""

    kind: Literal["completion"] = "completion"
    text: Text = ""


__all__ = [
    "CompletionStage",
    "ComprehensionStage",
    "ConsentStage",
    "DebriefStage",
    "FeedbackStage",
    "Foil",
    "InstructionsStage",
    "RecognitionStage",
    "Scale",
    "Statement",
    "SurveyStage",
    "TrialsStage",
]
