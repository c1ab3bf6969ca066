"""How sure the model is of the study's own questions, and whether it should be: from the record of its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from study.panel.access import Right, Seen, study_for
from study.panel.frame import page
from study.panel.protocols import SVG_POLICY
from study.session.walks import protocol_of_study

if TYPE_CHECKING:
    from study.model_confidence import Scored


@require_safe
def confidence(request: HttpRequest, slug: str) -> HttpResponse:
    """A table of scores and a reliability diagram for each way of asking. Nothing of any participant is in it."""
    from study.model_confidence import summary  # pandas: only for who looks

    seen = study_for(request, slug, Right.SEE)
    found = _scored(seen)
    rows: list[dict[Any, Any]] = []
    if found:
        lines = summary(found).astype(object)
        rows = lines.where(lines.notna(), None).to_dict("records")
    ways = [(number, one) for number, one in enumerate(found) if one.scores]
    return page(request, "panel/confidence.html", seen, "protocol", rows=rows, ways=ways)


@require_safe
def figure(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One way's reliability diagram."""
    from analysis.figures import reliability_diagram  # matplotlib: only for who looks

    seen = study_for(request, slug, Right.SEE)
    found = _scored(seen)
    if number >= len(found) or not found[number].scores:
        raise Http404
    svg = reliability_diagram(found[number].scores, title=str(found[number].way)).svg()
    return HttpResponse(svg, content_type="image/svg+xml", headers={"Content-Security-Policy": SVG_POLICY})


def _scored(seen: Seen) -> list[Scored]:
    from study import model_confidence

    items = model_confidence.items_of(protocol_of_study(seen.study))
    return model_confidence.of_study(seen.study.pk, items)
