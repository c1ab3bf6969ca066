"""The explorer's pages: who may see a graph, the page, and the files."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from elicitation.explorer.asked import Asked, asked
from elicitation.stages.configs import CompareValuesStage
from study.analyses.blinding import OVER, may_see_outcomes
from study.panel.access import Right, study_for
from study.protocol import Protocol
from study.registration.models import Study
from study.session.walks import protocol_of_study


def seen(request: HttpRequest, slug: str) -> tuple[Study, Protocol]:
    """The study and its protocol, for everybody when it is closed and its protocol says so, else for those who may
    analyse it. 404 where there is no graph; PermissionDenied without the right."""
    study = Study.objects.filter(slug=slug).first()
    protocol = protocol_of_study(study) if study is not None else None
    stages = [] if protocol is None else [s for s in protocol.flow if isinstance(s, CompareValuesStage)]
    if study is not None and study.state in OVER and any(stage.public for stage in stages):
        assert protocol is not None  # noqa: S101 - for the type checker: there are stages
        return study, protocol
    held = study_for(request, slug, Right.ANALYSE).study
    if protocol is None or not stages:
        raise Http404(f"'{slug}' has no stage in which values are compared.")
    return held, protocol


@require_safe
def explorer(request: HttpRequest, slug: str) -> HttpResponse:
    """Picture and tables of the graph, of all votes or of those in the filter. 403 while outcomes are blinded."""
    study, protocol = seen(request, slug)
    if not may_see_outcomes(study):
        return render(request, "elicitation/explorer/blinded.html", {"study": study}, status=403)
    from elicitation.explorer import page  # numbers are loaded by those who look at them, not by every worker

    wanted = _asked(request, protocol)
    return render(request, "elicitation/explorer/page.html", page.context(study, protocol, wanted))


@require_safe
def download(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """The same graph as a file: values.csv, edges.csv, graph.json, graph.graphml, graph.gexf, graph.svg."""
    study, protocol = seen(request, slug)
    if not may_see_outcomes(study):
        return render(request, "elicitation/explorer/blinded.html", {"study": study}, status=403)
    from elicitation.explorer import files

    if name not in files.FORMATS:
        raise Http404(f"There is no {name}.")
    text = files.FORMATS[name].write(study, protocol, _asked(request, protocol))
    return HttpResponse(
        text,
        content_type=files.FORMATS[name].content_type,
        headers={"Content-Disposition": f'attachment; filename="{study.slug}-{name}"'},
    )


def _asked(request: HttpRequest, protocol: Protocol) -> Asked:
    """The filter of the address; 404 for what the protocol does not know."""
    try:
        return asked(request.GET, protocol)
    except ValueError as error:
        raise Http404(str(error)) from None
