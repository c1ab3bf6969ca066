"""Participants who walk a study through the session's own actions, without HTTP: quick, and every rule applies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from django.http import QueryDict

from study.protocol.types import Item, Protocol, Question
from study.registration.models import Study
from study.session import actions
from study.session.models import Session
from study.session.visit import Visit

Choose = Callable[[Visit, Question], Any]


def walk(
    study: Study, rng: np.random.Generator, *, choose: Choose | None = None, pages: int = 1000
) -> Session:
    """One person from arrival to the end (or until `pages` pages are answered). `choose` decides a question's answer;
    None from it means: at random."""
    session = actions.enter(study=study, language="en")
    for _ in range(pages):
        visit = Visit(Session.objects.with_walk().get(pk=session.pk))
        if visit.session.outcome:
            break
        actions.mark_shown(visit.session)
        answered = form(visit, rng, choose)
        actions.submit(token=session.token, page=visit.page.key, attempt=visit.session.attempt, data=answered)
    session.refresh_from_db()
    return session


def form(visit: Visit, rng: np.random.Generator, choose: Choose | None) -> QueryDict:
    """The open page filled in."""
    data = QueryDict(mutable=True)
    for question in visit.kind.questions(visit.stage, visit.page, visit.walk):
        chosen = choose(visit, question) if choose else None
        value = at_random(visit, question, rng) if chosen is None else chosen
        data.setlist(question.id, [str(v) for v in value] if isinstance(value, list) else [str(value)])
    return data


def at_random(visit: Visit, question: Question, rng: np.random.Generator) -> Any:
    """An acceptable answer; consent is given, comprehension and recognition are answered rightly."""
    if question.id == "agreed":
        return "yes"
    if visit.page.kind == "comprehension":
        statements: Any = visit.stage
        return "true" if {s.id: s.truth for s in statements.statements}[question.id] else "false"
    if visit.page.kind == "recognition":
        return "answered" if question.id in visit.walk.item_order else "not_answered"
    match question.kind:
        case "likert" | "semantic":
            return int(rng.integers(1, question.points + 1))
        case "choice":
            return str(rng.choice(list(question.options)))
        case "select":
            every = list(question.options)
            return every if visit.page.kind == "consent" else every[: int(rng.integers(1, len(every) + 1))]
        case "number" | "slider":
            return int(rng.integers(question.minimum or 0, (question.maximum or 100) + 1))
        case "honeypot":
            return ""
        case _:
            return "fine"


def as_assumed(protocol: Protocol, rng: np.random.Generator) -> Choose:
    """Final answers by the protocol's own assumptions: agreement with right and wrong advice by arm."""

    def choose(visit: Visit, question: Question) -> Any:
        arm = visit.walk.arm
        if question.id != "answer" or arm is None or not arm.advice:
            return None
        item = visit.walk.item(visit.page.item)
        assumed = protocol.assumptions
        table = assumed.agree_right if protocol.ai_correct(item) else assumed.agree_wrong
        return advised(item) if rng.random() < table[arm.id] else other(item)

    return choose


def advised(item: Item) -> str:
    """The AI's answer to a yes/no item."""
    assert item.advice is not None
    return str(item.advice.answer)


def other(item: Item) -> str:
    """The answer the AI did not give."""
    return next(option for option in item.options if option != advised(item))
