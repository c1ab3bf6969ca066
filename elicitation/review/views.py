"""The review desk's pages: upgrades to approve, reject or archive, and merges to look at and take apart again."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from elicitation.models import MappingDecision
from elicitation.review.rows import merge_rows, upgrade_rows
from elicitation.upgrades import deciding, tasks
from elicitation.upgrades.models import Proposal, State
from elicitation.values import merging
from study.panel.access import Right, study_for, visitor
from study.panel.frame import page
from study.registration.errors import Refused

A_PAGE = 10
DECISIONS = {"approve": State.APPROVED, "reject": State.REJECTED, "archive": State.ARCHIVED}
STATES = [("", "All"), *((state.value, state.label.capitalize()) for state in State)]


@require_safe
def upgrades(request: HttpRequest, slug: str) -> HttpResponse:
    """Proposed upgrades with mapping, story and twin, newest last, filtered by state."""
    seen = study_for(request, slug, Right.SEE)
    state = request.GET.get("state", "")
    state = state if state in dict(STATES) else ""
    found = Proposal.objects.filter(study=seen.study).with_state(state).order_by("number")
    listed = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    return page(
        request, "elicitation/review/upgrades.html", seen, "upgrades", listed=listed, state=state, states=STATES,
        rows=upgrade_rows(seen.study, list(listed.object_list)),
    )  # fmt: skip


@require_POST
def propose(request: HttpRequest, slug: str) -> HttpResponse:
    """Have a worker propose upgrades in every context of the protocol."""
    seen = study_for(request, slug, Right.EDIT)
    try:
        from elicitation.upgrades.proposing import MOST, frozen_protocol  # numpy: only for who asks

        frozen_protocol(seen.study)
        tasks.propose.delay(str(seen.study.pk), MOST, 1)
        messages.success(
            request, "The model is at work. Proposals appear here one by one: reload to see them."
        )
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
    state, at = request.POST.get("state", ""), request.POST.get("page", "")
    query = f"?state={state if state in dict(STATES) else ''}&page={at if at.isdecimal() else 1}"
    return redirect(f"{reverse('review:upgrades', args=[slug])}{query}#text-{number}")


@require_safe
def merges(request: HttpRequest, slug: str) -> HttpResponse:
    """Every merge that stands or stood, with its cards side by side and what the judge answered, newest first."""
    seen = study_for(request, slug, Right.SEE)
    found = MappingDecision.objects.filter(study=seen.study).order_by("-number")
    listed = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    rows = merge_rows(seen.study, list(listed.object_list))
    return page(request, "elicitation/review/merges.html", seen, "upgrades", listed=listed, rows=rows)


@require_POST
def split(request: HttpRequest, slug: str) -> HttpResponse:
    """Take one card out of its value again."""
    seen = study_for(request, slug, Right.EDIT)
    card, reason = request.POST.get("card", ""), request.POST.get("reason", "")
    try:
        made = merging.split(
            study=seen.study, cards=[card], reason=reason, by=visitor(request).get_username()
        )
        messages.success(request, f"Decision {made.number}: the card is a value of its own again.")
    except ValueError as problem:
        messages.error(request, str(problem))
    return redirect("review:merges", slug=slug)
