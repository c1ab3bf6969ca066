"""How a session ends on the screen: the code of its outcome, and the debrief for whoever saw a wrong answer."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from study.registration.codes import code
from study.registration.models import Registration, Study
from study.session.models import Session
from study.session.visit import Visit
from study.stages import registry
from study.stages.base import Page
from study.stages.configs import CompletionStage


def end_page(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The last page of a session, whatever its outcome; it can be opened again at any time."""
    outcome = visit.session.outcome
    context = around(visit) | {"outcome": outcome, "code": completion_code(visit.session)}
    context["return_url"] = return_url(visit, context["code"])
    context["text"] = completion_text(visit) if outcome == Session.Outcome.COMPLETE else ""
    return render(request, "study/end.html", context | debrief_of(visit))


def interrupted_page(request: HttpRequest, visit: Visit, state: str) -> HttpResponse:
    """A session whose study is paused (423) or closed (410): what that means, and the debrief if it is due."""
    closed = state in (Study.State.CLOSED, Study.State.ARCHIVED)
    context = around(visit) | {"outcome": "closed" if closed else "paused"}
    return render(request, "study/end.html", context | debrief_of(visit), status=410 if closed else 423)


def around(visit: Visit) -> dict[str, Any]:
    protocol, language = visit.walk.protocol, visit.walk.language
    return {
        "session": visit.session,
        "language": language,
        "study_title": protocol.say(protocol.title, language),
        "contact": protocol.contact,
        "is_preview": bool(visit.session.preview_arm),
        "mode": visit.session.study.mode,
        "ended": True,
    }


def debrief_of(visit: Visit) -> dict[str, Any]:
    """The debrief for those who saw items: folded for those who have read it, open for all others."""
    if not visit.session.exposed:
        return {}
    for stage in visit.walk.protocol.flow:
        if stage.kind == "debrief":
            page = Page(key=stage.id, stage=stage.id, kind=stage.kind)
            context = registry.get(stage.kind).context(stage, page, visit.walk, visit)
            return context | {"debriefed": visit.session.outcome == Session.Outcome.COMPLETE}
    return {}


def completion_code(session: Session) -> str:
    """The code that tells the panel how the session ended; none for previews and unregistered studies."""
    if session.registration_id is None or session.preview_arm:
        return ""
    return code(Registration.objects.only("seed").get(pk=session.registration_id), session.outcome)


def return_url(visit: Visit, code: str) -> str:
    """The panel's address with the code filled in; '' where the study has none."""
    template = visit.walk.protocol.entry.completion_url
    return template.replace("{code}", code) if template and code else ""


def completion_text(visit: Visit) -> str:
    """The completion stage's own words."""
    for stage in visit.walk.protocol.flow:
        if isinstance(stage, CompletionStage):
            return visit.walk.protocol.say(stage.text, visit.walk.language)
    return ""
