"""The report of a study, served only when outcomes may be seen."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from study.analyses.blinding import OVER, may_see_outcomes
from study.analyses.models import AnalysisRun
from study.panel.access import Right, study_for
from study.registration.models import Study

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The report is one page with its styles inside; it runs nothing and loads nothing."""


@require_safe
def report(request: HttpRequest, slug: str) -> HttpResponse:
    """The latest report: for everybody once the study is over; after an early unblinding for those who analyse it.

    403 before outcomes may be seen, 404 where there is no study or no finished run.
    """
    study = get_object_or_404(Study.objects.only("slug", "title", "state"), slug=slug)
    if study.state not in OVER and may_see_outcomes(study):
        study_for(request, slug, Right.ANALYSE)
    elif study.state not in OVER:
        return render(request, "study/report/blinded.html", {"study": study}, status=403)
    run = AnalysisRun.objects.filter(study=study, state=AnalysisRun.State.DONE).only("html").first()
    if run is None:
        raise Http404(f"No analysis of '{slug}' has been run yet.")
    return HttpResponse(run.html, headers={"Content-Security-Policy": POLICY})
