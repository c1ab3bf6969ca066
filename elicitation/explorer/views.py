"""The explorer's pages: who may see a graph, the page, what stands behind a value and an edge, and the files."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
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

View = Callable[..., HttpResponse]


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


def reads_words(request: HttpRequest, slug: str) -> bool:
    """Whether the visitor may read what participants did not agree to share: those who may analyse the study."""
    try:
        study_for(request, slug, Right.ANALYSE)
    except (Http404, PermissionDenied):
        return False
    return True


def _open(view: View) -> View:
    """`view(request, study, protocol, asked, …)` for whoever may see the graph now: 403 while outcomes are blinded, 404
    for a filter that the protocol does not know."""

    @require_safe
    @wraps(view)
    def opened(request: HttpRequest, slug: str, **rest: Any) -> HttpResponse:
        study, protocol = seen(request, slug)
        if not may_see_outcomes(study):
            return render(request, "elicitation/explorer/blinded.html", {"study": study}, status=403)
        try:
            wanted = asked(request.GET.dict(), protocol)
        except ValueError as error:
            raise Http404(str(error)) from None
        return view(request, study, protocol, wanted, **rest)

    return opened


# Numbers are loaded by those who look at them, not by every worker: hence the imports inside the views.


@_open
def explorer(request: HttpRequest, study: Study, protocol: Protocol, wanted: Asked) -> HttpResponse:
    """Picture and the first rows of the tables, of all votes or of those in the filter."""
    from elicitation.explorer import page

    return render(request, "elicitation/explorer/page.html", page.context(study, protocol, wanted))


@_open
def tables(request: HttpRequest, study: Study, protocol: Protocol, wanted: Asked) -> HttpResponse:
    """Everything the picture says, as tables of all values and pairs."""
    from elicitation.explorer import page

    return render(request, "elicitation/explorer/tables.html", page.whole(study, protocol, wanted))


@_open
def criteria(request: HttpRequest, study: Study, protocol: Protocol, wanted: Asked) -> HttpResponse:
    """The six criteria of all votes; what people said also by the answers to a question (`by`)."""
    from elicitation.explorer import criteria as six

    return render(
        request, "elicitation/explorer/criteria.html", six.context(study, protocol, request.GET.get("by", ""))
    )


@_open
def value(request: HttpRequest, study: Study, protocol: Protocol, wanted: Asked, code: str) -> HttpResponse:
    """What stands behind a value: its numbers, edges and cards; as a part of the explorer's page for its script."""
    from elicitation.explorer import behind

    found = behind.value(study, protocol, wanted, code, words=reads_words(request, study.slug))
    return _behind(request, "value", found)


@_open
def pair(
    request: HttpRequest, study: Study, protocol: Protocol, wanted: Asked, lower: str, upper: str
) -> HttpResponse:
    """What stands behind an edge: stories in both directions, votes and comments."""
    from elicitation.explorer import behind

    found = behind.pair(study, protocol, wanted, lower, upper, words=reads_words(request, study.slug))
    return _behind(request, "pair", found)


def _behind(request: HttpRequest, kind: str, found: dict[str, Any] | None) -> HttpResponse:
    if found is None:
        raise Http404(f"There is no such {kind} in this graph.")
    part = bool(request.htmx)  # type: ignore[attr-defined]
    return render(request, f"elicitation/explorer/{'_' if part else ''}{kind}.html", found)


@_open
def download(
    request: HttpRequest, study: Study, protocol: Protocol, wanted: Asked, name: str
) -> HttpResponse:
    """The same graph as a file, or as the document that the page's canvas draws (scene.json)."""
    from elicitation.explorer import files, scene

    if name == "scene.json":
        return HttpResponse(scene.scene(study, wanted), content_type="application/json")
    if name not in files.FORMATS:
        raise Http404(f"There is no {name}.")
    return HttpResponse(
        files.FORMATS[name].write(study, wanted),
        content_type=files.FORMATS[name].content_type,
        headers={"Content-Disposition": f'attachment; filename="{study.slug}-{name}"'},
    )
