"""Trials: the tasks. One item a page (two pages when the own answer comes first)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from study.advice.actions import ask as ask_model
from study.advice.columns import COLUMNS
from study.advice.shown import is_advised, shown
from study.protocol.stimulus import stimulus
from study.protocol.types import Item, Protocol, Question
from study.stages.base import Page, StageKind, Walk, ask, own_or_ours
from study.stages.columns import Column
from study.stages.configs import TrialsStage

if TYPE_CHECKING:
    from study.session.models import Session
    from study.session.visit import Visit

ANSWER = "answer"
INITIAL, FINAL = "initial", "final"


class Trials(StageKind):
    kind = "trials"
    Config = TrialsStage
    template = "study/stages/trial.html"

    def items(self, stage: TrialsStage, walk: Walk) -> list[str]:
        """Item ids in the order of the slot, narrowed to this stage's."""
        if stage.items == "all":
            return list(walk.item_order)
        chosen = set(stage.items)
        return [item for item in walk.item_order if item in chosen]

    def pages(self, stage: TrialsStage, walk: Walk) -> list[Page]:
        parts = [INITIAL, FINAL] if walk.protocol.paradigm == "two-stage" else [FINAL]
        return [
            Page(key=f"{stage.id}.{item}.{part}", stage=stage.id, kind=self.kind, item=item, part=part)
            for item in self.items(stage, walk)
            for part in parts
        ]

    def questions(self, stage: TrialsStage, page: Page, walk: Walk) -> list[Question]:
        item = walk.item(page.item)
        asked = stage.initial_questions if page.part == INITIAL else stage.questions
        prompt = own_or_ours(stage, "initial_prompt" if page.part == INITIAL else "prompt")
        place = 0 if page.part == INITIAL else stage.answer_position
        before, after = (_asked(part, walk) for part in (asked[:place], asked[place:]))
        return [*before, answer_question(item, prompt), *after]

    def context(self, stage: TrialsStage, page: Page, walk: Walk, visit: Visit) -> dict[str, Any]:
        """The question as typed; on a final page of an arm with advice, the AI's answer as it is shown."""
        item, say = walk.item(page.item), walk.protocol.say
        order = self.items(stage, walk)
        context: dict[str, Any] = {
            "question": say(item.question, walk.language),
            "number": order.index(item.id) + 1,
            "total": len(order),
            "part": page.part,
            "intro": say(stage.intro, walk.language),
        }
        if page.part == FINAL and walk.protocol.paradigm == "two-stage":
            context["first_answer"] = answer_label(
                item, (visit.earlier(initial_key(page)) or {}).get(ANSWER), walk
            )
        if page.part == FINAL and walk.arm and walk.arm.advice and item.advice:
            context["advice"] = stimulus(
                walk.protocol, item, walk.arm, hedged=item.id in walk.hedged, language=walk.language
            ).text
        if page.part == FINAL and is_advised(walk):
            said = shown(walk, page)
            context["live"] = True
            context["advice" if said.is_finished else "waiting"] = said.text if said.is_finished else said
        if "advice" in context or "waiting" in context:
            context["engine"] = say(own_or_ours(stage, "search_engine"), walk.language)
            context["sources"] = [
                {"number": n, "title": say(source.title, walk.language), "host": host(source.url)}
                for n, source in enumerate(item.sources, start=1)
            ]
        return context

    def clean(self, stage: TrialsStage, page: Page, walk: Walk, answers: dict[str, Any]) -> dict[str, Any]:
        """A live or replayed answer is stored with the trial as it was shown, and has to be there first."""
        if page.part != FINAL or not is_advised(walk):
            return answers
        said = shown(walk, page)
        if not said.is_finished:
            raise ValidationError(_("The answer was still being written. Please read it, then continue."))
        return answers | said.as_payload()

    def opened(self, stage: TrialsStage, page: Page, walk: Walk, session: Session) -> None:
        if page.part == FINAL:
            ask_model(session=session, page=page, walk=walk)

    def columns(self, stage: TrialsStage, protocol: Protocol) -> list[Column]:
        told = list(COLUMNS) if protocol.varies else []
        first = [
            Column(f"initial_{q.id}", "trials", q.kind, _label(protocol, q)) for q in stage.initial_questions
        ]
        return told + first + [Column(q.id, "trials", q.kind, _label(protocol, q)) for q in stage.questions]


def answer_question(item: Item, prompt: Any) -> Question:
    """The item's own answer as a question: a choice among its options, or a probability from 0 to 100."""
    if item.kind == "probability":
        return ask(ANSWER, "slider", prompt, minimum=0, maximum=100)
    return ask(ANSWER, "choice", prompt, options=own_or_ours(item, "options"))


def answer_label(item: Item, value: Any, walk: Walk) -> str:
    """An answer as the participant saw it ('Yes', '70'); empty when there was none."""
    if value is None:
        return ""
    if value in item.options and item.kind != "probability":
        return walk.protocol.say(own_or_ours(item, "options")[value], walk.language)
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def initial_key(page: Page) -> str:
    """The key of the page that asked for the own answer before `page`."""
    return page.key.removesuffix(FINAL) + INITIAL


def host(url: str) -> str:
    """The site's name of a link, without 'www.'."""
    return url.split("//", 1)[-1].split("/", 1)[0].removeprefix("www.")


def _asked(questions: list[Question], walk: Walk) -> list[Question]:
    """Those that this walk's arm is asked."""
    return [q for q in questions if not q.arms or (walk.arm and walk.arm.id in q.arms)]


def _label(protocol: Protocol, question: Question) -> str:
    return protocol.say(question.text, protocol.languages[0])
