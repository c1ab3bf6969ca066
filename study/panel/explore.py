"""Exploring a study whose outcomes may be seen: choose, compare, and read; all of it logged and stamped."""

from __future__ import annotations

from datetime import timedelta

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from study.analyses import blinding, exploring
from study.analyses.models import Exploration
from study.panel.access import Right, study_for, visitor
from study.panel.analysing import blinded
from study.panel.frame import page
from study.panel.protocols import SVG_POLICY
from study.registration.errors import Refused
from study.registration.frozen import current, protocol_of

A_PAGE = 10
PATIENCE = timedelta(minutes=15)  # longer than any look may take


@require_http_methods(["GET", "HEAD", "POST"])
def explore(request: HttpRequest, slug: str) -> HttpResponse:
    """The looks so far, latest first, and a form for one more."""
    seen = study_for(request, slug, Right.ANALYSE)
    if not blinding.may_see_outcomes(seen.study):
        return blinded(request, seen)
    problems: list[str] = []
    chosen = {name: request.POST.get(name, "") for name in ("outcome", "predictor", "subgroup", "value")}
    if request.method == "POST":
        try:
            exploring.ask(study=seen.study, by=visitor(request), **chosen)
            return redirect("panel:explore", slug=slug)
        except Refused as refusal:
            problems = refusal.problems
    protocol = protocol_of(current(seen.study).pk)
    looks = Exploration.objects.filter(study=seen.study).defer("figure").select_related("by")
    listed = Paginator(looks, A_PAGE).get_page(request.GET.get("page"))
    late = timezone.now() - PATIENCE
    waiting = any(one.finished_at is None and one.asked_at > late for one in listed.object_list)
    part = bool(request.htmx)  # type: ignore[attr-defined]
    return page(
        request,
        "panel/_looks.html" if part else "panel/explore.html",
        seen,
        "analysis",
        status=422 if problems else 200,
        listed=listed,
        waiting=waiting,
        late=late,
        chosen=chosen,
        problems=problems,
        stamp=exploring.STAMP,
        outcomes=exploring.choices(protocol, exploring.MEANS),
        predictors=exploring.choices(protocol, exploring.GROUPS),
    )


@require_safe
def figure(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One look's figure."""
    seen = study_for(request, slug, Right.ANALYSE)
    found = Exploration.objects.filter(study=seen.study, pk=number).exclude(figure="")
    svg = found.values_list("figure", flat=True).first()
    if svg is None or not blinding.may_see_outcomes(seen.study):
        raise Http404
    return HttpResponse(svg, content_type="image/svg+xml", headers={"Content-Security-Policy": SVG_POLICY})
