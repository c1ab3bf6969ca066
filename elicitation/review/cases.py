"""The cases desk: cases that the model drafted before registration, to approve, edit, reject or archive."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from elicitation.case_drafts import deciding
from elicitation.case_drafts.drafting import EACH, SUBJECTS, subjects_of
from elicitation.case_drafts.models import CaseDraft
from elicitation.case_drafts.words import CaseWords
from elicitation.review.rows import case_rows
from elicitation.review.shared import back, progress_of, search_of
from elicitation.runs import actions
from elicitation.runs.models import DeskRun
from elicitation.upgrades.contexts import contexts_of
from elicitation.upgrades.models import State
from llm import conf
from study.panel.access import Right, Seen, study_for, visitor
from study.panel.documents import held
from study.panel.frame import page
from study.registration.errors import Refused
from study.registration.models import Study

A_PAGE = 10
SET_ASIDE = {"reject": State.REJECTED, "archive": State.ARCHIVED}
STATES = {"": "All", **{state.value: state.label.capitalize() for state in State}}


@require_safe
def cases(request: HttpRequest, slug: str) -> HttpResponse:
    """Drafted cases, oldest first, filtered by state; above them what to draft next."""
    return _desk(request, study_for(request, slug, Right.SEE))


def _desk(request: HttpRequest, seen: Seen, *, status: int = 200, **typed: Any) -> HttpResponse:
    """The page; `typed` is what somebody sent that could not be taken: number, form, problems, subjects, each."""
    state = request.GET.get("state", "") or request.POST.get("state", "")
    state = state if state in STATES else ""
    found = CaseDraft.objects.filter(study=seen.study).with_state(state).order_by("number")
    listed = Paginator(found, A_PAGE).get_page(request.GET.get("page") or request.POST.get("page"))
    protocol = held(seen.study).protocol
    return page(
        request, "elicitation/review/cases.html", seen, "upgrades", status=status, listed=listed, state=state,
        states=STATES.items(), rows=case_rows(list(listed.object_list)), draft=seen.study.state == Study.State.DRAFT,
        contexts=list(contexts_of(protocol)), most=SUBJECTS, each_most=EACH, rehearses=conf.only_rehearses(),
        real=seen.study.mode == Study.Mode.REAL, **search_of(seen.study, DeskRun.Kind.CASES), **typed,
    )  # fmt: skip


@require_safe
def progress(request: HttpRequest, slug: str) -> HttpResponse:
    """How far the drafting is."""
    return progress_of(request, slug, DeskRun.Kind.CASES)


@require_POST
def draft(request: HttpRequest, slug: str) -> HttpResponse:
    """Have a worker draft cases on the subjects of the form."""
    seen = study_for(request, slug, Right.EDIT)
    subjects, each = request.POST.get("subjects", ""), request.POST.get("each", "")
    try:
        if each not in {str(number) for number in range(1, EACH + 1)}:
            raise Refused(f"1 to {EACH} cases are drafted on a subject.")
        wanted = {"subjects": subjects_of(subjects), "each": int(each)}
        by = visitor(request).get_username()
        actions.ask(study=seen.study, kind=DeskRun.Kind.CASES, by=by, settings=wanted)
    except Refused as refusal:
        return _desk(request, seen, status=409, subjects=subjects, each=each, refused=refusal.problems)
    return redirect("review:cases", slug=slug)


@require_http_methods(["POST"])
def decide_case(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Approve as it is or with edits, reject or archive one draft. What was typed is kept where it cannot be taken."""
    seen = study_for(request, slug, Right.EDIT)
    found = get_object_or_404(CaseDraft, study=seen.study, number=number)
    what, by = request.POST.get("do", ""), visitor(request)
    words = _words(request) if what == "approve-edited" else None
    try:
        if what in ("approve", "approve-edited"):
            made = deciding.approve(draft=found, by=by, words=words)
            messages.success(request, f"Case {number} is in the document as “{(made.case or {}).get('id')}”.")
        elif what in SET_ASIDE:
            reason = request.POST.get("reason", "")
            deciding.set_aside(draft=found, state=SET_ASIDE[what], by=by, reason=reason)
            messages.success(request, f"Case {number} is {SET_ASIDE[what].value}.")
        else:
            raise Refused("Choose what to do.")
    except Refused as refusal:
        return _desk(request, seen, status=409, number=number, words=words, problems=refusal.problems)
    return back(request, slug, "cases", STATES, number)


def _words(request: HttpRequest) -> CaseWords:
    said = {name: request.POST.get(name, "").replace("\x00", "") for name in ("title", "about", "question")}
    contexts = request.POST.get("contexts", "").replace("\x00", "").splitlines()
    return CaseWords(contexts=tuple(contexts), **said).tidy()
