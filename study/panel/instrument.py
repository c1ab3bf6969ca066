"""Everything a study asks and shows, in order, on one page to read and to print (for an ethics board, say)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from study.panel.access import Right, study_for
from study.panel.documents import held
from study.panel.frame import page
from study.protocol import Protocol, stimulus
from study.protocol.types import Arm, Item, Question, Scale

MARKDOWN = ("intro", "text", "pages")
ASKED = ("initial_questions", "questions")


@dataclass(frozen=True)
class Shown:
    """One stage: its Markdown texts, statements, questions, scales, items, and where only some arms meet it."""

    title: str
    kind: str
    arms: list[str]
    texts: list[str]
    statements: list[str]
    questions: list[dict[str, Any]]
    scales: list[dict[str, Any]]
    items: list[dict[str, Any]]


@require_safe
def instrument(request: HttpRequest, slug: str) -> HttpResponse:
    """The whole instrument in one of its languages."""
    seen = study_for(request, slug, Right.SEE)
    document = held(seen.study)
    protocol = document.protocol
    language = request.GET.get("lang", "")
    language = language if language in protocol.languages else protocol.languages[0]
    return page(
        request,
        "panel/instrument.html",
        seen,
        "protocol",
        document=document,
        protocol=protocol,
        language=language,
        stages=[shown(stage, protocol, language) for stage in protocol.flow],
    )


def shown(stage: Any, protocol: Protocol, language: str) -> Shown:
    """What participants meet in one stage, whatever its kind."""

    def say(text: Any) -> str:
        return protocol.say(text, language)

    texts = [getattr(stage, name, "") for name in MARKDOWN]
    flat = [text for part in texts for text in (part if isinstance(part, list) else [part]) if text]
    said = getattr(stage, "statements", [])
    foils = getattr(stage, "foils", [])
    wanted = getattr(stage, "items", [])
    items = list(protocol.items) if wanted == "all" else [protocol.items_by_id[i] for i in wanted]
    return Shown(
        title=say(stage.title) or stage.id,
        kind=stage.kind,
        arms=[protocol.arms_by_id[arm].label for arm in stage.arms],
        texts=[say(text) for text in flat],
        statements=[say(getattr(s, "text", s)) for s in [*said, *foils]],
        questions=[asked(q, protocol, language) for name in ASKED for q in getattr(stage, name, [])],
        scales=[scale(protocol.scales_by_id[s], protocol, language) for s in getattr(stage, "scales", [])],
        items=[item_shown(item, protocol, language) for item in items],
    )


def asked(question: Question, protocol: Protocol, language: str) -> dict[str, Any]:
    """A question with its answers in words."""

    def say(text: Any) -> str:
        return protocol.say(text, language)

    answers = [say(text) for text in [*question.anchors, *question.options.values()]]
    hidden = question.kind == "honeypot"
    return {
        "text": say(question.text),
        "kind": "invisible to people" if hidden else question.kind,
        "answers": answers,
    }


def scale(one: Scale, protocol: Protocol, language: str) -> dict[str, Any]:
    """A scale with its statements."""

    def say(text: Any) -> str:
        return protocol.say(text, language)

    items = [
        {"text": say(i.text), "right": say(i.right) if i.right else "", "reverse": i.reverse}
        for i in one.items
    ]
    return {
        "title": say(one.title),
        "stem": say(one.stem),
        "anchors": [say(a) for a in one.anchors],
        "statements": items,
    }


def item_shown(item: Item, protocol: Protocol, language: str) -> dict[str, Any]:
    """An item with its truth and the AI's words, each wording once with the arms that show it."""
    wordings: dict[str, list[str]] = {}
    for arm in protocol.arms:
        for hedged in ways(arm, item, protocol):
            words = (
                stimulus(protocol, item, arm, hedged=hedged, language=language).text
                if _advised(arm, item)
                else ""
            )
            label = f"{arm.label} (with its phrase)" if hedged else arm.label
            wordings.setdefault(words, []).append(label)
    return {
        "question": protocol.say(item.question, language),
        "options": [protocol.say(label, language) for label in item.options.values()]
        if item.kind != "probability"
        else [],
        "truth": item.truth,
        "right": protocol.ai_correct(item),
        "wordings": list(wordings.items()),
        "correction": protocol.say(item.correction, language),
    }


def _advised(arm: Arm, item: Item) -> bool:
    return arm.advice and item.advice is not None


def ways(arm: Arm, item: Item, protocol: Protocol) -> list[bool]:
    """Is the item shown with the arm's phrase, without, or both ways (over participants)?"""
    if not _advised(arm, item) or arm.phrasing == "plain" or item.id not in protocol.hedgeable:
        return [False]
    count = arm.hedged.count
    if count == "all" or count >= len(protocol.hedgeable):
        return [True]
    return [False, True] if count else [False]
