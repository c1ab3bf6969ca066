"""Payment: the codes, a panel's list held against our record (by file or by API), and what the panel is told."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from study.panel import reconciliation as rec
from study.panel.access import Right, Seen, study_for, visitor
from study.panel.forms import UploadedCSV
from study.panel.frame import page
from study.payment import actions, prolific
from study.registration.codes import code
from study.registration.errors import Refused, WrongState
from study.registration.frozen import current, protocol_of
from study.session.identity import unseal
from study.session.models import Identity, Session

LISTS = [
    (rec.APPROVE, "Approve", "They completed. Exclusion by the analysis plan does not matter here."),
    (rec.ASK, "Ask to return", "They left before the end, at their own wish or at a check."),
    (rec.LOOK, "Look at these", "The panel and our record do not agree."),
    (rec.WAIT, "Still under way", "Wait for them."),
    (rec.SETTLED, "Settled already", "The panel has decided."),
]
TOLD = {"approve": rec.APPROVE, "return": rec.ASK}


@require_http_methods(["GET", "HEAD", "POST"])
def payment(request: HttpRequest, slug: str) -> HttpResponse:
    """GET shows codes and asks for the list, POST holds it against ours. Nothing is stored."""
    seen = study_for(request, slug, Right.PEOPLE)
    try:
        current(seen.study)
    except WrongState:
        return page(request, "panel/payment.html", seen, "payment", unregistered=True)
    if request.method != "POST":
        return _shown(request, seen)
    try:
        found = rec.reconcile(seen.study, _listed(request))
    except (rec.NotAnExport, prolific.PanelError) as problem:
        return _shown(request, seen, problems=[str(problem)])
    return _shown(request, seen, found=found)


def _listed(request: HttpRequest) -> list[dict[str, str]]:
    """The panel's rows, from its API or the uploaded file. Raises NotAnExport, PanelError."""
    if request.POST.get("way") == "api":
        return prolific.submissions(request.POST.get("panel_study", "").strip())
    form = UploadedCSV(request.POST, request.FILES)
    if not form.is_valid():
        raise rec.NotAnExport("Choose the CSV file that the panel exports.")
    try:
        return rec.parse(form.cleaned_data["file"].read().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise rec.NotAnExport("The file is not UTF-8 text.") from None


def _shown(
    request: HttpRequest,
    seen: Seen,
    *,
    found: rec.Reconciled | None = None,
    problems: list[str] | None = None,
) -> HttpResponse:
    registration = current(seen.study)
    protocol = protocol_of(registration.pk)
    by_api = request.POST.get("way") == "api"
    return page(
        request,
        "panel/payment.html",
        seen,
        "payment",
        status=422 if problems else 200,
        problems=problems or [],
        payment=protocol.payment,
        entry=protocol.entry,
        codes=[(o.label, code(registration, o.value)) for o in Session.Outcome],
        found=found,
        lists=[(name, title, text, found.with_advice(name)) for name, title, text in LISTS] if found else [],
        api=prolific.is_configured(),
        panel_study=request.POST.get("panel_study", "") if by_api else panel_study_of(seen),
        tells={"approve": "approve", "ask to return": "return"} if found and by_api else {},
        told=_told(seen),
    )


def panel_study_of(seen: Seen) -> str:
    """The panel's id of the study, as the last person who came from there brought it; '' before anybody did."""
    last = Identity.objects.filter(study=seen.study).order_by("-participant__created_at").first()
    return unseal(bytes(last.sealed)).get("STUDY_ID", "") if last else ""


def _told(seen: Seen) -> list[dict[str, Any]]:
    """How many settlements stand how. One query."""
    rows = seen.study.settlements.order_by("action", "state").values("action", "state", "problem")
    return [dict(row) for row in rows.annotate(n=Count("pk"))]


@require_POST
def tell(request: HttpRequest, slug: str) -> HttpResponse:
    """Have the panel told to approve, or to ask back, those who were shown and still stand on that list.

    The list is fetched again: an id that somebody typed into the form is not believed.
    """
    seen = study_for(request, slug, Right.RUN)
    action, shown = request.POST.get("action", ""), set(request.POST.get("ids", "").split())
    try:
        if action not in TOLD:
            raise Refused("Choose what the panel is to be told.")
        rows = rec.reconcile(seen.study, prolific.submissions(request.POST.get("panel_study", "").strip()))
        standing = [row.submission for row in rows.with_advice(TOLD[action]) if row.submission in shown]
        asked = actions.settle(study=seen.study, submissions=standing, action=action, by=visitor(request))
        messages.success(request, f"The panel is being told about {asked} submissions.")
    except (Refused, prolific.PanelError) as problem:
        messages.error(request, str(problem))
    return redirect("panel:payment", slug=slug)
