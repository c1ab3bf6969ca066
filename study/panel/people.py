"""Participants for those who help them: how far somebody is and what happened, without arm and answers; and leaving."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from study.analyses.blinding import may_see_outcomes
from study.assignment.models import SlotReturn
from study.panel import actions, monitor
from study.panel.access import Right, Seen, study_for, visitor
from study.panel.frame import page
from study.protocol.types import Protocol
from study.registration.actions import name_of
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.frozen import protocol_of
from study.session.copies import own_copy
from study.session.ending import completion_code
from study.session.models import Session, TraceEvent
from study.session.visit import Visit

A_PAGE = 50
SHOWN = (
    "outcome", "submitted", "position", "registration", "started_at", "active_at", "timed_out_at", "erased_at",
    "withdrawn_at", "participant__code", "slot__arm",
)  # fmt: skip


@require_safe
def participants(request: HttpRequest, slug: str) -> HttpResponse:
    """Everybody who arrived, the latest first; searched by the public code."""
    seen = study_for(request, slug, Right.PEOPLE)
    found = Session.objects.counted().filter(study=seen.study).order_by("-started_at", "id")
    wanted = request.GET.get("q", "").strip().lower()
    if wanted:
        found = found.filter(participant__code__startswith=wanted)
    # Only keys are paged, which the index holds in this order: a late page joins its fifty rows, not all before them.
    listed = Paginator(found.values_list("pk", flat=True), A_PAGE).get_page(request.GET.get("page"))
    keys = list(listed.object_list)
    sessions = Session.objects.select_related("participant", "slot").only(*SHOWN).in_bulk(keys)
    rows = [(sessions[key], place_of(sessions[key])) for key in keys]
    return page(request, "panel/participants.html", seen, "participants", rows=rows, listed=listed, q=wanted)


def place_of(session: Session) -> str:
    """The stage of the open page, or of the last one."""
    if session.registration_id is None:
        return ""
    places = monitor.steps(session.registration_id, session.slot.arm if session.slot else "")
    stage, step = places[min(session.position, len(places) - 1)]
    return f"{monitor.title(protocol_of(session.registration_id), stage)}, page {step}"


def one(seen: Seen, code: str) -> Session:
    """The session of a public code in this study; 404 for any other."""
    found = Session.objects.counted().select_related("participant", "slot", "registration", "study")
    found = found.defer("study__draft", "study__source_text", "registration__canonical", "registration__seed")
    return get_object_or_404(found, study=seen.study, participant__code=code)


@require_safe
def participant(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    """What happened to one person, for questions that they ask. Neither arm nor items nor answers."""
    seen = study_for(request, slug, Right.PEOPLE)
    session = one(seen, code)
    return page(
        request,
        "panel/participant.html",
        seen,
        "participants",
        session=session,
        place=place_of(session),
        code=completion_code(session) if session.outcome else "",
        timeline=timeline(session),
        noticed=noticed(session),
        copy_open=may_see_outcomes(seen.study),
    )


def timeline(session: Session) -> list[dict[str, Any]]:
    """Arrival, accepted pages, places that went back, and the end, in order. Two queries."""
    protocol = protocol_of(session.registration_id) if session.registration_id else None
    told: list[dict[str, Any]] = [{"at": session.started_at, "what": "Arrived", "seconds": None}]
    numbers: dict[str, int] = {}
    rows = session.submissions.order_by("number").values_list("page", "attempt", "shown_at", "received_at")
    for key, attempt, shown, received in rows:
        stage = key.split(".", 1)[0]
        numbers[stage] = numbers.get(stage, 0) + (attempt == 1)
        what = f"{_name(protocol, stage)}, page {numbers[stage]} accepted"
        again = f" (try {attempt})" if attempt > 1 else ""
        told.append({"at": received, "what": what + again, "seconds": (received - shown).total_seconds()})
    for at, reason in SlotReturn.objects.filter(session=session).values_list("at", "reason"):
        told.append({"at": at, "what": f"The place went back: {reason.replace('_', ' ')}", "seconds": None})
    if session.ended_at:
        told.append({"at": session.ended_at, "what": f"Ended: {ended(session)}", "seconds": None})
    if session.withdrawn_at and session.outcome != Session.Outcome.WITHDRAWN:
        told.append({"at": session.withdrawn_at, "what": "Withdrew after the end", "seconds": None})
    if session.erased_at:
        told.append({"at": session.erased_at, "what": "Answers erased", "seconds": None})
    return sorted(told, key=lambda row: row["at"])


def _name(protocol: Protocol | None, stage: str) -> str:
    return monitor.title(protocol, stage) if protocol else stage


def ended(session: Session) -> str:
    """The outcome in words."""
    return session.get_outcome_display().lower()


def noticed(session: Session) -> dict[str, int]:
    """How often the browser noticed what. One query."""
    from django.db.models import Count

    rows = TraceEvent.objects.filter(session=session, kind__in=("hidden", "paste", "link"))
    return dict(rows.order_by().values_list("kind").annotate(Count("pk")))


@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    """At a person's word: end their session, and destroy their answers if they asked for that."""
    seen = study_for(request, slug, Right.ERASE)
    session = one(seen, code)
    problems: list[str] = []
    if request.method == "POST":
        erase = request.POST.get("erase") == "yes"
        try:
            actions.withdraw(
                session=session, erase=erase, reason=request.POST.get("reason", ""), by=visitor(request)
            )
            messages.success(
                request, f"{code} is withdrawn" + (", the answers are erased." if erase else ".")
            )
            return redirect("panel:participant", slug=slug, code=code)
        except Refused as refusal:
            problems = refusal.problems
    return page(
        request,
        "panel/withdraw.html",
        seen,
        "participants",
        status=422 if problems else 200,
        session=session,
        problems=problems,
    )


@require_POST
def copy(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    """Everything stored about one person, for them; only once outcomes may be seen, and on the record."""
    seen = study_for(request, slug, Right.ERASE)
    session = one(seen, code)
    if not may_see_outcomes(seen.study):
        raise PermissionDenied
    audit(seen.study, name_of(visitor(request)), "exported a person's own copy", {"participant": code})
    content = own_copy(Visit(Session.objects.with_walk().get(pk=session.pk)))
    name = f'attachment; filename="{code}.json"'
    return JsonResponse(content, json_dumps_params={"indent": 1}, headers={"Content-Disposition": name})
