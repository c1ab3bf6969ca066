"""The merge desk: pairs of cards that may be one value, to accept, reject and undo; and the search that finds them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from elicitation.models import MappingDecision
from elicitation.review.rows import counts, decision_rows, pair_rows
from elicitation.review.shared import back, progress_of, search_of
from elicitation.runs import actions
from elicitation.runs.models import DeskRun
from elicitation.values import deciding
from elicitation.values.finding import THRESHOLD
from elicitation.values.models import MergeProposal, MergeState
from study.analyses.blinding import may_see_outcomes
from study.panel.access import Right, Seen, study_for, visitor
from study.panel.frame import page
from study.panel.protocols import SVG_POLICY
from study.registration.errors import Refused

A_PAGE = 10
DECISIONS = {"accept": MergeState.ACCEPTED, "reject": MergeState.REJECTED, "undo": MergeState.OPEN}
SAID = {
    "accept": "Pair {} is merged.",
    "reject": "Pair {} is rejected: it will not be proposed again.",
    "undo": "The decision about pair {} is undone.",
}
STATES = {"": "All", **{state.value: state.label.capitalize() for state in MergeState}}


@require_safe
def merges(request: HttpRequest, slug: str) -> HttpResponse:
    """Pairs of cards beside each other with what the judge answered, in the order found, filtered by state; or one."""
    seen = study_for(request, slug, Right.SEE)
    state = request.GET.get("state", "")
    state = state if state in STATES else ""
    found = (
        MergeProposal.objects.filter(study=seen.study).with_state(*filter(None, [state])).order_by("number")
    )
    one = request.GET.get("pair", "")
    found = found.filter(number=int(one)) if one.isdecimal() and len(one) < 10 else found
    listed = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    rows = pair_rows(seen.study, list(listed.object_list))
    held = counts(seen.study)
    return page(
        request, "elicitation/review/merges.html", seen, "upgrades", listed=listed, rows=rows, state=state,
        counts=held, all=sum(n for _, _, n in held),
        at_once=[row.pair.number for row in rows if row.at_once], threshold=THRESHOLD,
        **search_of(seen.study, DeskRun.Kind.MERGES),
    )  # fmt: skip


@require_safe
def progress(request: HttpRequest, slug: str) -> HttpResponse:
    """How far the search is."""
    return progress_of(request, slug, DeskRun.Kind.MERGES)


@require_POST
def search(request: HttpRequest, slug: str) -> HttpResponse:
    """Have a worker look for values that are one."""
    seen = study_for(request, slug, Right.EDIT)
    try:
        threshold = _threshold(request.POST.get("threshold", ""))
        actions.ask(
            study=seen.study, kind=DeskRun.Kind.MERGES, by=visitor(request).get_username(),
            settings={"threshold": threshold},
        )  # fmt: skip
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("review:merges", slug=slug)


def _threshold(text: str) -> float:
    """A cosine distance. Raises Refused."""
    try:
        found = float(text.replace(",", ".") or THRESHOLD)
    except ValueError:
        found = -1.0
    if not 0 < found <= 2:
        raise Refused("The distance is a number above 0 and at most 2.")
    return found


@require_POST
def decide_merge(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Accept, reject or undo one pair."""
    seen = study_for(request, slug, Right.EDIT)
    what = request.POST.get("do", "")
    try:
        if what not in DECISIONS:
            raise Refused("Choose what to do.")
        deciding.decide(
            study=seen.study, number=number, state=DECISIONS[what], by=visitor(request).get_username(),
            reason=request.POST.get("reason", ""),
        )  # fmt: skip
        messages.success(request, SAID[what].format(number))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return back(request, slug, "merges", STATES, number)


@require_POST
def accept_shown(request: HttpRequest, slug: str) -> HttpResponse:
    """Accept the pairs that a page showed: the first time it is asked whether they are meant, then it is done."""
    seen = study_for(request, slug, Right.EDIT)
    numbers = sorted(
        {int(text) for text in request.POST.getlist("pair") if text.isdecimal() and len(text) < 10}
    )[:A_PAGE]
    if not request.POST.get("sure"):
        return _asked(request, seen, numbers)
    accepted, left = deciding.accept_all(
        study=seen.study, by=visitor(request).get_username(), numbers=numbers
    )
    messages.success(request, f"{accepted} pairs are merged." if accepted != 1 else "One pair is merged.")
    for number, why in left.items():
        messages.error(request, f"Pair {number} was left: {why}")
    return back(request, slug, "merges", STATES)


def _asked(request: HttpRequest, seen: Seen, numbers: list[int]) -> HttpResponse:
    found = MergeProposal.objects.filter(study=seen.study, number__in=numbers).with_state(MergeState.OPEN)
    rows = pair_rows(seen.study, list(found.order_by("number")))
    return page(
        request, "elicitation/review/accept.html", seen, "upgrades", rows=rows,
        state=request.POST.get("state", ""), at=request.POST.get("page", ""),
    )  # fmt: skip


@require_safe
def decisions(request: HttpRequest, slug: str) -> HttpResponse:
    """Every decision about the mapping with its cards side by side, newest first."""
    seen = study_for(request, slug, Right.SEE)
    found = MappingDecision.objects.filter(study=seen.study).order_by("-number")
    listed = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    rows = decision_rows(seen.study, list(listed.object_list))
    return page(request, "elicitation/review/decisions.html", seen, "upgrades", listed=listed, rows=rows)


@require_POST
def split(request: HttpRequest, slug: str) -> HttpResponse:
    """Take one card out of its value."""
    seen = study_for(request, slug, Right.EDIT)
    card, reason = request.POST.get("card", ""), request.POST.get("reason", "")
    try:
        made = deciding.split(
            study=seen.study, cards=[card] if card else [], reason=reason, by=visitor(request).get_username()
        )
        messages.success(request, f"Decision {made.number}: the card is a value of its own again.")
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("review:decisions", slug=slug)


def _curve(seen: Seen) -> tuple[DeskRun | None, list[dict[str, Any]], bool]:
    """The last finished search with its curve, and whether the visitor may see ranks."""
    run = DeskRun.objects.filter(study=seen.study, kind=DeskRun.Kind.MERGES).exclude(curve=[]).first()
    ranks = seen.may(Right.ANALYSE) and may_see_outcomes(seen.study)
    return run, list(run.curve) if run else [], ranks


@require_safe
def curve(request: HttpRequest, slug: str) -> HttpResponse:
    """What the number of values and the highest ranks owe to the distance, as figures and as tables. Ranks only for
    those who may analyse, once outcomes may be seen."""
    seen = study_for(request, slug, Right.SEE)
    run, rows, may_rank = _curve(seen)
    ranked = [row for row in rows if row.get("ranks")] if may_rank else []
    values = list(dict.fromkeys((one["value"], one["title"]) for row in ranked for one in row["ranks"]))
    table = [
        (
            row["threshold"],
            [next((one for one in row["ranks"] if one["value"] == code), None) for code, _ in values],
        )
        for row in ranked
    ]
    return page(
        request, "elicitation/review/curve.html", seen, "upgrades", run=run, rows=rows, ranked=table, values=values,
        may_rank=may_rank, resamples=200, heard=any("richness" in row for row in rows),
    )  # fmt: skip


@require_safe
def figure(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """One of the curves as it was drawn when it was computed."""
    seen = study_for(request, slug, Right.SEE)
    run, _rows, may_rank = _curve(seen)
    if run is None or name not in run.figures or (name == "ranks" and not may_rank):
        raise Http404
    return HttpResponse(
        run.figures[name], content_type="image/svg+xml", headers={"Content-Security-Policy": SVG_POLICY}
    )
