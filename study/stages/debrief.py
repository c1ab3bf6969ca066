"""Debrief: what the study was about and, item by item, what is true. The only place where the truth is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from study.advice.actions import verdicts
from study.advice.columns import TEXT
from study.advice.shown import is_advised, recorded_verdict
from study.protocol.types import UNSURE, Item
from study.stages.base import Page, StageKind, Walk
from study.stages.configs import DebriefStage
from study.stages.trials import answer_label
from study.tables.rows import agrees

if TYPE_CHECKING:
    from study.session.visit import Visit


class Debrief(StageKind):
    kind = "debrief"
    Config = DebriefStage
    template = "study/stages/debrief.html"

    def context(self, stage: DebriefStage, page: Page, walk: Walk, visit: Visit) -> dict[str, Any]:
        return {"debrief": self.explanation(stage, walk, visit)}

    def explanation(self, stage: DebriefStage, walk: Walk, visit: Visit) -> dict[str, Any]:
        """The whole debrief: the text, a correction for every item that was shown, and where to read more."""
        say = walk.protocol.say
        given = visit.final_answers()
        told = live_answers(walk, visit) if is_advised(walk) else {}
        return {
            "text": say(stage.text, walk.language),
            "corrections": [
                self.correction(walk.item(item), given.get(item), walk) | told.get(item, {})
                for item in walk.item_order
                if visit.was_shown(item)
            ],
            "more": [{"title": say(s.title, walk.language), "url": s.url} for s in stage.sources],
            "contact": walk.protocol.contact,
        }

    def correction(self, item: Item, given: Any, walk: Walk) -> dict[str, Any]:
        """One item's truth beside what the AI said (where it was seen) and what the participant answered."""
        say = walk.protocol.say
        saw_advice = bool(walk.arm and walk.arm.advice and item.advice)
        wrong = saw_advice and walk.protocol.ai_correct(item) is False
        return {
            "question": say(item.question, walk.language),
            "truth": answer_label(item, item.truth, walk),
            "given": answer_label(item, given, walk),
            "advice": answer_label(item, item.advice.answer, walk) if saw_advice and item.advice else "",
            "misled": wrong,
            "correction": say(item.correction, walk.language),
            "sources": [{"title": say(s.title, walk.language), "url": s.url} for s in item.sources],
        }


def live_answers(walk: Walk, visit: Visit) -> dict[str, dict[str, Any]]:
    """By item what a live or replayed answer said, and whether it was wrong as far as that is known."""
    live = walk.protocol.live
    extracted = verdicts(visit.session.study_id) if live is not None and live.verdict == "extracted" else {}
    told = {}
    for page in visit.pages:
        payload = visit.earlier(page.key) if page.item else None
        if payload and TEXT in payload:
            item, verdict = walk.item(page.item), recorded_verdict(payload, extracted)
            told[page.item] = {
                "advice": answer_label(item, verdict, walk) if verdict != UNSURE else "",
                "misled": agrees(item, verdict, item.truth) is False,
            }
    return told
