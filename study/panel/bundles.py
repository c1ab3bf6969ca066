"""The bundle from the panel: made by a worker once the study is closed, kept with its hash, and downloaded."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from study.analyses.blinding import OVER
from study.panel import bundling
from study.panel.access import Right, Seen, study_for, visitor
from study.panel.frame import page
from study.panel.models import BundleRun
from study.registration.actions import name_of
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.models import Study
from study.session.models import Session

A_PAGE = 20
DOWNLOADED = "downloaded the bundle"


@require_safe
def bundles(request: HttpRequest, slug: str) -> HttpResponse:
    """The bundles so far, latest first; or why there can be none yet."""
    return shown(request, study_for(request, slug, Right.ANALYSE))


def shown(request: HttpRequest, seen: Seen, problems: list[str] | None = None) -> HttpResponse:
    """The page, or for a page that waits its changing part. Two queries beside the frame's and the count."""
    over = seen.study.state in OVER
    rows = BundleRun.objects.filter(study=seen.study).select_related("by")
    listed = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    changed = changed_at(seen.study) if over and listed.object_list else None
    open_rows = [one for one in listed.object_list if one.finished_at is None]
    under_way = next((one for one in open_rows if not bundling.is_lost(one)), None)
    part = bool(request.htmx)  # type: ignore[attr-defined]
    return page(
        request,
        "panel/_bundles.html" if part else "panel/bundles.html",
        seen,
        "analysis",
        status=422 if problems else 200,
        problems=problems,
        over=over,
        too_early=bundling.TOO_EARLY,
        listed=listed,
        bundles=[(one, standing(one, changed)) for one in listed.object_list],
        running=under_way,
    )


def changed_at(study: Study) -> datetime | None:
    """When answers that a bundle holds changed for the last time."""
    return Session.objects.counting_for(study).last_change()


def standing(one: BundleRun, changed: datetime | None) -> str:
    """A word for what can be done with it: ready, outdated, gone, failed, lost or running."""
    if one.problem:
        return "failed"
    if one.finished_at is None:
        return "lost" if bundling.is_lost(one) else "running"
    if changed is not None and one.started_at is not None and changed >= one.started_at:
        return "outdated"
    return "ready" if path_of(one).is_file() else "gone"


def path_of(one: BundleRun) -> Path:
    """Where its zip is kept."""
    found: Path = settings.LAYOUT.bundles / one.file
    return found


@require_POST
def make(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask a worker for the bundle; asking again while one is at it changes nothing."""
    seen = study_for(request, slug, Right.ANALYSE)
    try:
        bundling.ask(study=seen.study, by=visitor(request))
    except Refused as refusal:
        return shown(request, seen, refusal.problems)
    return redirect("panel:bundles", slug=slug)


WHY_NOT = {
    "outdated": "Answers were withdrawn or erased after this bundle was made: make a new one.",
    "gone": "This bundle's file is no longer kept: make a new one.",
}


@require_POST
def download(request: HttpRequest, slug: str, number: int) -> HttpResponseBase:
    """The zip, streamed; the download is kept in the log."""
    seen = study_for(request, slug, Right.ANALYSE)
    one = get_object_or_404(BundleRun.objects.exclude(file=""), study=seen.study, pk=number)
    state = standing(one, changed_at(seen.study))
    if state != "ready":
        return shown(request, seen, [WHY_NOT[state]])
    audit(seen.study, name_of(visitor(request)), DOWNLOADED, {"sha256": one.sha256})
    return FileResponse(
        path_of(one).open("rb"),
        as_attachment=True,
        filename=one.download_name,
        content_type="application/zip",
    )
