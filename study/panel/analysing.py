"""The registered analysis from the panel: blinded until the end, then run by a worker, read and downloaded."""

from __future__ import annotations

import io
import tempfile
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from study.analyses import blinding, tasks
from study.analyses.models import AnalysisRun
from study.panel.access import Right, Seen, study_for, visitor
from study.panel.frame import page
from study.panel.signing_in import second_person
from study.registration.actions import name_of
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.frozen import current, protocol_of
from study.registration.models import AuditEntry, Study
from study.waking import refuse, wake

ASKED = "asked for the analysis"
NOT_BEGUN = "the analysis was not begun"
PATIENCE = timedelta(minutes=15)  # longer than any task may take


@require_safe
def analysis(request: HttpRequest, slug: str) -> HttpResponse:
    """What may be seen: the runs with their verdicts, or why nothing is shown yet."""
    seen = study_for(request, slug, Right.ANALYSE)
    if not blinding.may_see_outcomes(seen.study):
        return blinded(request, seen)
    part = bool(request.htmx)  # type: ignore[attr-defined]
    return page(
        request,
        "panel/_runs.html" if part else "panel/analysis.html",
        seen,
        "analysis",
        **standing(seen.study),
    )


def blinded(request: HttpRequest, seen: Seen, problems: list[str] | None = None) -> HttpResponse:
    """Why nothing is shown yet, and how it could be."""
    registered = seen.study.state != Study.State.DRAFT
    two_people = registered and protocol_of(current(seen.study).pk).two_people
    status = 422 if problems else 200
    return page(
        request,
        "panel/blinded.html",
        seen,
        "analysis",
        status=status,
        registered=registered,
        two_people=two_people,
        problems=problems,
    )


def standing(study: Study) -> dict[str, Any]:
    """The runs, whether one is awaited, and the latest one's verdicts. Three queries."""
    now = timezone.now()
    runs = list(
        AnalysisRun.objects.filter(study=study)
        .defer("html", "results", "flow")
        .select_related("by", "registration")[:20]
    )
    said = AuditEntry.objects.filter(study=study, action__in=(ASKED, NOT_BEGUN)).order_by("-number").first()
    asked = said if said is not None and said.action == ASKED else None
    running = [
        r
        for r in runs
        if r.state == AnalysisRun.State.RUNNING and now - (r.active_at or r.started_at) < PATIENCE
    ]
    queued = (
        asked is not None and now - asked.at < PATIENCE and not any(r.started_at >= asked.at for r in runs)
    )
    done = next((run for run in runs if run.state == AnalysisRun.State.DONE), None)
    since = running[0].started_at if running else asked.at if queued and asked else None
    return {
        "runs": [(run, run.state == AnalysisRun.State.RUNNING and run not in running) for run in runs],
        "waiting": bool(running or queued),
        "queued": queued,
        "running": running[0] if running else None,
        "seconds": round((now - since).total_seconds()) if since else 0,
        "done": done,
        "verdicts": _verdicts(done) if done else [],
        "early": study.state not in blinding.OVER,
    }


def _verdicts(run: AnalysisRun) -> list[dict[str, Any]]:
    results = AnalysisRun.objects.values_list("results", flat=True).get(pk=run.pk) or {}
    return list(results.get("hypotheses", []))


@require_POST
def run(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask a worker to run the registered plan; asking again while one is at it changes nothing."""
    seen = study_for(request, slug, Right.ANALYSE)
    if not blinding.may_see_outcomes(seen.study):
        return blinded(request, seen, ["Outcomes are blinded until the study is closed."])
    try:
        _ask(seen.study, visitor(request))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("panel:analysis", slug=slug)


@transaction.atomic
def _ask(study: Study, by: Any) -> None:
    """Have a worker run the plan unless one is at it. Raises Refused, after the commit, where none could be told."""

    def lost(why: str) -> None:
        audit(study, "system", NOT_BEGUN, {"reason": why})
        refuse(why)

    Study.objects.select_for_update(no_key=True).only("pk").get(pk=study.pk)
    if not standing(study)["waiting"]:
        audit(study, name_of(by), ASKED)
        wake(tasks.analyse, str(study.pk), by.pk, lost=lost)


@require_POST
def unblind(request: HttpRequest, slug: str) -> HttpResponse:
    """Open outcomes before the end, on the record."""
    seen = study_for(request, slug, Right.UNBLIND)
    try:
        approver = second_person(request, seen, Right.EDIT)
        blinding.unblind(
            study=seen.study,
            reason=request.POST.get("reason", ""),
            by=visitor(request),
            approved_by=approver,
        )
    except Refused as refusal:
        return blinded(request, seen, refusal.problems)
    messages.success(request, "Recorded: outcomes may be seen, and the report will say since when and why.")
    return redirect("panel:analysis", slug=slug)


@require_POST
def tables(request: HttpRequest, slug: str) -> HttpResponse:
    """The tidy tables with their codebook as one zip; the download is kept in the log."""
    from study.tables.export import write
    from study.tables.progress import quiet
    from study.tables.tidy import tidy

    seen = study_for(request, slug, Right.ANALYSE)
    if not blinding.may_see_outcomes(seen.study):
        return blinded(request, seen, ["Outcomes are blinded until the study is closed."])
    audit(seen.study, name_of(visitor(request)), "exported the tables")
    with tempfile.TemporaryDirectory(prefix="heed-export-") as folder:
        content = zipped(write(tidy(seen.study, progress=quiet), Path(folder)))
    return HttpResponse(
        content,
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{slug}-tables.zip"'},
    )


def zipped(files: list[Path]) -> bytes:
    """These files, side by side in one archive."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return held.getvalue()
