"""Bonuses by the registered rule: computed after closing, listed without arm, paid by file or by API."""

from __future__ import annotations

import csv

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from study.analyses.blinding import may_see_outcomes
from study.panel.access import Right, study_for, visitor
from study.panel.frame import page
from study.panel.payment import panel_study_of
from study.payment import actions, prolific
from study.payment.models import Bonus, BonusBatch
from study.registration.actions import name_of
from study.registration.audit import audit
from study.registration.errors import Refused, WrongState
from study.registration.frozen import current, protocol_of

A_PAGE = 100


@require_http_methods(["GET", "HEAD", "POST"])
def bonuses(request: HttpRequest, slug: str) -> HttpResponse:
    """The rule, the list, the payments; POST computes (`compute`) or prepares a payment (`prepare`)."""
    seen = study_for(request, slug, Right.RUN)
    problems: list[str] = []
    if request.method == "POST":
        try:
            if request.POST.get("do") == "prepare":
                wanted = request.POST.get("panel_study", "").strip()
                actions.prepare(study=seen.study, panel_study=wanted, by=visitor(request))
                messages.success(request, "Prolific has the list. Nothing is paid before you confirm.")
            else:
                actions.ask_bonuses(study=seen.study, by=visitor(request))
                messages.success(request, "The bonuses are being computed: load the page again in a moment.")
            return redirect("panel:bonuses", slug=slug)
        except (Refused, WrongState) as refusal:
            problems = [str(refusal)]
    try:
        rule = protocol_of(current(seen.study).pk).payment
    except WrongState:
        rule = None
    own = Bonus.objects.filter(study=seen.study)
    rows = own.select_related("session__participant", "batch").defer("session__token")
    listed = Paginator(rows.order_by("pk"), A_PAGE).get_page(request.GET.get("page"))
    batches = BonusBatch.objects.filter(study=seen.study).select_related("by")
    return page(
        request,
        "panel/bonuses.html",
        seen,
        "payment",
        status=422 if problems else 200,
        problems=problems,
        payment=rule,
        open_now=may_see_outcomes(seen.study),
        listed=listed,
        sums=own.aggregate(people=Count("pk"), amount=Sum("amount")),
        unpaid=own.filter(batch=None, amount__gt=0).count(),
        batches=batches.annotate(people=Count("bonuses"), amount=Sum("bonuses__amount"))[:50],
        api=prolific.is_configured(),
        panel_study=panel_study_of(seen),
    )


@require_POST
def bonus_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Submission id and amount of everybody without a payment here, a line each, as Prolific's form for bulk bonuses
    takes it; on the record."""
    seen = study_for(request, slug, Right.RUN)
    unpaid = list(Bonus.objects.filter(study=seen.study, batch=None, amount__gt=0).order_by("pk"))
    ids = actions.panel_ids(bonus.session_id for bonus in unpaid)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="bonuses-{slug}.csv"'
    writer = csv.writer(answer, lineterminator="\n")
    people = [
        (ids[b.session_id]["SESSION_ID"], b) for b in unpaid if ids.get(b.session_id, {}).get("SESSION_ID")
    ]
    for submission, bonus in people:
        writer.writerow([submission, f"{bonus.amount:.2f}"])
    audit(seen.study, name_of(visitor(request)), "took the list of bonuses", {"people": len(people)})
    return answer


@require_POST
def batch(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Pay a prepared payment (`pay`), drop it (`unpaid`), or say what was seen at the panel (`paid`, `unpaid`)."""
    seen = study_for(request, slug, Right.RUN)
    held = get_object_or_404(BonusBatch.objects.select_related("study"), pk=number, study=seen.study)
    try:
        match request.POST.get("do"):
            case "pay":
                actions.pay(batch=held, by=visitor(request))
                messages.success(request, "Prolific pays the bonuses within some minutes.")
            case "paid" | "unpaid" as word:
                actions.decide(batch=held, paid=word == "paid", by=visitor(request))
                messages.success(request, "Noted.")
            case _:
                raise Refused("Choose what is to be done.")
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("panel:bonuses", slug=slug)
