"""The review desk: drafted texts beside their plain answers, to approve, reject, edit, and put in their place."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from llm.models import Call
from study.panel import actions
from study.panel.access import Right, Seen, study_for, visitor
from study.panel.desks import ASKED, FAILED, desks, newest_of, with_number
from study.panel.documents import held
from study.panel.frame import page
from study.phrasing import drafting, provenance, reviewing
from study.phrasing.asked import Asked
from study.phrasing.differences import segments
from study.phrasing.models import Decision, Draft, Wording
from study.phrasing.prompts import PURPOSE
from study.phrasing.working import calls_of
from study.protocol import Protocol
from study.registration.errors import Refused
from study.registration.models import Study

A_PAGE = 4
STATES = [
    ("", "All"),
    ("open", "To review"),
    ("approved", "Approved"),
    ("refused", "Refused"),
    ("rejected", "Rejected"),
    ("checking", "Being checked"),
]


def _opened(request: HttpRequest, slug: str, right: Right) -> tuple[Seen, Protocol]:
    seen = study_for(request, slug, right)
    return seen, held(seen.study).protocol


@require_safe
def phrasings(request: HttpRequest, slug: str) -> HttpResponse:
    """Every drafted text beside its plain answer, four items a page, filtered by state."""
    seen, protocol = _opened(request, slug, Right.SEE)
    state = request.GET.get("state", "")
    state = state if state in dict(STATES) else ""
    names = list(protocol.items_by_id)
    if state:
        found = Draft.objects.filter(wording__study=seen.study, state=state).newest()
        with_state = set(found.values_list("wording__item", flat=True))
        names = [name for name in names if name in with_state]
    listed = Paginator(names, A_PAGE).get_page(request.GET.get("page"))
    return page(
        request,
        "panel/phrasings.html",
        seen,
        "phrasings",
        listed=listed,
        desks=desks(seen.study, protocol, listed.object_list, state),
        state=state,
        states=STATES,
        asked=ASKED,
        failed=FAILED,
        needed=reviewing.approvals(protocol),
        draft=seen.study.state == Study.State.DRAFT,
        **progress_of(seen.study),
    )


def progress_of(study: Study) -> dict[str, Any]:
    """How far the model is, and how many texts stand in which state. Two queries."""
    ended, total = calls_of(study)
    states = list(Draft.objects.filter(wording__study=study).newest().values_list("state", flat=True))
    counted = [(label, states.count(state)) for state, label in STATES[1:] if state in states]
    return {
        "ended": ended,
        "total": total,
        "waiting": ended < total or "checking" in states,
        "counts": counted,
    }


@require_safe
def progress(request: HttpRequest, slug: str) -> HttpResponse:
    """The part of the desk that says how far the model is; asked for every two seconds while it works."""
    seen = study_for(request, slug, Right.SEE)
    told = progress_of(seen.study)
    return page(request, "panel/_drafting.html", seen, "phrasings", arrived=not told["waiting"], **told)


@require_POST
def ask(request: HttpRequest, slug: str) -> HttpResponse:
    """Have everything drafted that is missing, or one item's texts."""
    seen = study_for(request, slug, Right.EDIT)
    one = request.POST.get("item", "")
    try:
        made = drafting.ask(study=seen.study, by=visitor(request), items=[one] if one else None)
        messages.success(request, f"{made} texts were asked for." if made else "Nothing is missing.")
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("panel:phrasings", slug=slug)


@require_http_methods(["GET", "HEAD", "POST"])
def wording(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """One text: its versions, checks, approvals and calls; POST decides about it or changes it."""
    seen, protocol = _opened(request, slug, Right.EDIT if request.method == "POST" else Right.SEE)
    found = get_object_or_404(Wording, study=seen.study, pk=pk)
    problems: list[str] = []
    if request.method == "POST":
        try:
            messages.success(request, _done(request, found))
            return redirect(f"{reverse('panel:phrasings', args=[slug])}{_back(request)}#text-{pk}")
        except Refused as refusal:
            problems = refusal.problems
    newest = newest_of([found]).get(found.pk)
    item = protocol.items_by_id.get(found.item)
    return page(
        request,
        "panel/wording.html",
        seen,
        "phrasings",
        status=409 if problems else 200,
        wording=found,
        newest=newest,
        item=item,
        versions=_versions(found),
        plain=newest.plain if newest else None,
        marked=segments(newest.plain.text, with_number(newest.text, item))
        if newest and newest.plain and item
        else [],
        calls=_calls_behind(newest),
        typed=request.POST.get("text", newest.text if newest else ""),
        typed_reason=request.POST.get("reason", ""),
        problems=problems,
        needed=reviewing.approvals(protocol),
        draft=seen.study.state == Study.State.DRAFT,
    )


def _done(request: HttpRequest, found: Wording) -> str:
    """Do what the button says, and say what was done. Raises Refused."""
    what, by = request.POST.get("do", ""), visitor(request)
    if what == "again":
        drafting.ask_again(wording=found, by=by)
        return "The model was asked again."
    number = request.POST.get("draft", "")
    version = Draft.objects.select_related("wording").filter(
        wording=found, pk=number if number.isdecimal() else 0
    )
    draft = get_object_or_404(version)
    if what == "approve":
        state = reviewing.approve(draft=draft, by=by).state
        return (
            "Approved." if state == "approved" else "Your approval is kept; one more person has to approve."
        )
    if what == "reject":
        reviewing.reject(draft=draft, reason=request.POST.get("reason", ""), by=by)
        return "Rejected."
    if what == "edit":
        made = drafting.edit(draft=draft, text=request.POST.get("text", ""), by=by)
        return (
            f"Saved as version {made.number}{', which is being checked' if made.state == 'checking' else ''}."
        )
    raise Refused("Choose what to do.")


def _back(request: HttpRequest) -> str:
    """The filter and the page of the desk that somebody came from."""
    state, number = request.POST.get("state", ""), request.POST.get("page", "")
    state = state if state in dict(STATES) else ""
    return f"?state={state}&page={number}" if number.isdecimal() else ""


def _versions(found: Wording) -> list[dict[str, Any]]:
    """Every version, newest first, with what it changed, its checks and its decisions."""
    decisions = Prefetch("decisions", Decision.objects.select_related("by"))
    listed = list(
        found.drafts.select_related("author").prefetch_related("checks", decisions).order_by("number")
    )
    texts = ["", *(version.text for version in listed)]
    rows = [{"version": v, "marked": segments(texts[n], v.text) if n else []} for n, v in enumerate(listed)]
    return rows[::-1]


def _calls_behind(newest: Draft | None) -> list[Call]:
    if newest is None:
        return []
    return list(Call.objects.filter(pk__in=provenance.calls_behind(newest)).order_by("created_at"))


@require_safe
def call(request: HttpRequest, slug: str, pk: uuid.UUID) -> HttpResponse:
    """The record of one model call behind a drafted text. Participants' calls are not to be had here."""
    seen = study_for(request, slug, Right.SEE)
    mine = Call.objects.of_study(seen.study.pk).filter(purpose__startswith=PURPOSE, participant="")
    found = get_object_or_404(mine, pk=pk)
    turns = found.prompt.get("messages") or [
        {"role": "texts", "content": t} for t in found.prompt.get("input", ())
    ]
    return page(request, "panel/call.html", seen, "phrasings", call=found, turns=turns, raw=found.raw_text)


@require_http_methods(["GET", "HEAD", "POST"])
def put(request: HttpRequest, slug: str) -> HttpResponse:
    """What putting the approved texts into the document would change; POST does exactly that."""
    seen = study_for(request, slug, Right.EDIT)
    study = Study.objects.get(pk=seen.study.pk)
    document = held(study)
    protocol = document.protocol
    open_items = [item for item in protocol.items if item.advice is None and item.kind != "probability"]
    answers = {item.id: request.POST.get(f"answer-{item.id}", "") for item in open_items}
    problems: list[str] = []
    if request.method == "POST":
        try:
            number = reviewing.put(
                study=study,
                text=document.text,
                seen=request.POST.get("seen", ""),
                by=visitor(request),
                save=actions.save_draft,
                answers=answers,
            )
            messages.success(request, f"The document holds {number} approved texts.")
            return redirect("panel:protocol", slug=slug)
        except Refused as refusal:
            problems = refusal.problems
    elif study.state != Study.State.DRAFT:
        problems = [f"The study is {study.state}: its texts are registered."]
    return page(
        request,
        "panel/put.html",
        seen,
        "phrasings",
        status=409 if problems else 200,
        document=document,
        plan=reviewing.plan(study, protocol, answers),
        choices=[(i, Asked.of(protocol, i), answers[i.id]) for i in open_items],
        problems=problems,
        draft=study.state == Study.State.DRAFT,
        unmarked=[p.id for p in protocol.phrasings if p.drafted is None and p.direction != "plain"],
    )
