"""Who else works on a study, and the log of what everybody did."""

from __future__ import annotations

from contextlib import suppress

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.dateparse import parse_date
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from study.panel import actions
from study.panel.access import Right, study_for, visitor
from study.panel.frame import page
from study.panel.models import StudyRole
from study.registration.audit import verify_audit
from study.registration.errors import Refused
from study.registration.models import AuditEntry

A_PAGE = 50
MEANINGS = {
    "owner": "Everything, also giving roles and opening outcomes early.",
    "researcher": "Edit, register, amend, run and close the study; help participants; analyse after closing.",
    "analyst": "Look at the study and its monitor; analyse and export after closing.",
    "assistant": "Look at the study and its monitor; help participants and reconcile payment, without answers.",
}


@require_http_methods(["GET", "HEAD", "POST"])
def roles(request: HttpRequest, slug: str) -> HttpResponse:
    """Everybody's role; POST gives or takes one."""
    seen = study_for(request, slug, Right.SHARE)
    problems: list[str] = []
    if request.method == "POST":
        name, role = request.POST.get("username", "").strip(), request.POST.get("role", "")
        try:
            if request.POST.get("take"):
                actions.take_role(study=seen.study, username=name, by=visitor(request))
                messages.success(request, f"{name} has no role here any more.")
            else:
                actions.give_role(study=seen.study, username=name, role=role, by=visitor(request))
                messages.success(request, f"{name} is {role} now.")
            return redirect("panel:people", slug=slug)
        except Refused as refusal:
            problems = refusal.problems
    held = StudyRole.objects.filter(study=seen.study).select_related("user").order_by("user__username")
    return page(
        request,
        "panel/roles.html",
        seen,
        "people",
        status=422 if problems else 200,
        held=held,
        meanings=MEANINGS,
        problems=problems,
    )


@require_safe
def log(request: HttpRequest, slug: str) -> HttpResponse:
    """What was done to the study, the latest first: searched in names, actions and details, and filtered by who did
    what and when (days in UTC)."""
    seen = study_for(request, slug, Right.LOG)
    own = AuditEntry.objects.filter(study=seen.study).order_by("-number")
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "who", "what", "since", "until")}
    broken = verify_audit(seen.study) if "check" in request.GET else None
    return page(
        request,
        "panel/log.html",
        seen,
        "log",
        listed=Paginator(_filtered(own, asked), A_PAGE).get_page(request.GET.get("page")),
        asked=asked,
        kept=urlencode({name: value for name, value in asked.items() if value}),
        actors=own.order_by("actor").values_list("actor", flat=True).distinct(),
        actions=own.order_by("action").values_list("action", flat=True).distinct(),
        broken=broken,
    )


def _filtered(found: QuerySet[AuditEntry], asked: dict[str, str]) -> QuerySet[AuditEntry]:
    """The entries that were asked for; a date that is none is passed over."""
    if wanted := asked["q"]:
        found = found.annotate(said=Cast("data", TextField())).filter(
            Q(actor__icontains=wanted) | Q(action__icontains=wanted) | Q(said__icontains=wanted)
        )
    if asked["who"]:
        found = found.filter(actor=asked["who"])
    if asked["what"]:
        found = found.filter(action=asked["what"])
    for name, look in (("since", "at__date__gte"), ("until", "at__date__lte")):
        with suppress(ValueError):
            if day := parse_date(asked[name]):
                found = found.filter(**{look: day})
    return found
