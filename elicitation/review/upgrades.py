"""The upgrades desk: proposed upgrades to approve, reject or archive."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from elicitation.review.rows import upgrade_rows
from elicitation.review.shared import back, progress_of, search_of
from elicitation.runs import actions
from elicitation.runs.models import DeskRun
from elicitation.upgrades import deciding
from elicitation.upgrades.models import Proposal, State
from study.panel.access import Right, study_for, visitor
from study.panel.frame import page
from study.registration.errors import Refused

A_PAGE = 10
DECISIONS = {"approve": State.APPROVED, "reject": State.REJECTED, "archive": State.ARCHIVED}
STATES = {"": "All", **{state.value: state.label.capitalize() for state in State}}


@require_safe
def upgrades(request: HttpRequest, slug: str) -> HttpResponse:
    """Proposed upgrades with mapping, story and twin, newest last, filtered by state."""
    seen = study_for(request, slug, Right.SEE)
    state = request.GET.get("state", "")
    state = state if state in STATES else ""
    found = Proposal.objects.filter(study=seen.study).with_state(state).order_by("number")
    listed = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    return page(
        request, "elicitation/review/upgrades.html", seen, "upgrades", listed=listed, state=state,
        states=STATES.items(), rows=upgrade_rows(seen.study, list(listed.object_list)),
        **search_of(seen.study, DeskRun.Kind.UPGRADES),
    )  # fmt: skip


@require_safe
def progress(request: HttpRequest, slug: str) -> HttpResponse:
    """How far the search is."""
    return progress_of(request, slug, DeskRun.Kind.UPGRADES)


@require_POST
def propose(request: HttpRequest, slug: str) -> HttpResponse:
    """Have a worker propose upgrades in every context of the protocol."""
    seen = study_for(request, slug, Right.EDIT)
    try:
        actions.ask(study=seen.study, kind=DeskRun.Kind.UPGRADES, by=visitor(request).get_username())
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("review:upgrades", slug=slug)


@require_POST
def decide_upgrade(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Approve, reject or archive one proposal."""
    seen = study_for(request, slug, Right.EDIT)
    proposal = get_object_or_404(Proposal, study=seen.study, number=number)
    what = request.POST.get("do", "")
    try:
        if what not in DECISIONS:
            raise Refused("Choose what to do.")
        by, reason = visitor(request).get_username(), request.POST.get("reason", "")
        made = deciding.decide(proposal=proposal, state=DECISIONS[what], by=by, reason=reason)
        messages.success(request, f"Upgrade {number} is {made.state}.")
    except Refused as refusal:
        messages.error(request, str(refusal))
    return back(request, slug, "upgrades", STATES, number)
