"""Walking an arm from the panel: its pages at the side, any of them at a click, at a phone's or a desk's width."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from study.panel.access import Right, study_for
from study.panel.documents import held
from study.panel.frame import page
from study.protocol import Protocol
from study.session.links import preview_path
from study.session.walks import pages_of, preview_walk
from study.stages.base import Page

WIDTHS = {"phone": "Phone", "desktop": "Desktop"}


@require_safe
def preview(request: HttpRequest, slug: str, arm: str) -> HttpResponse:
    """One arm's pages, and the chosen one in a frame: a session outside all counts that begins there."""
    seen = study_for(request, slug, Right.SEE)
    protocol = held(seen.study).protocol
    if arm not in protocol.arms_by_id:
        raise Http404
    language = request.GET.get("lang", "")
    language = language if language in protocol.languages else protocol.languages[0]
    pages = pages_of(preview_walk(protocol, arm, language))
    given = request.GET.get("at", "")
    at = min(int(given), len(pages) - 1) if given.isdecimal() and len(given) < 6 else 0
    width = request.GET.get("width", "")
    width = width if width in WIDTHS else "desktop"
    return page(
        request,
        "panel/preview.html",
        seen,
        "protocol",
        protocol=protocol,
        arm=protocol.arms_by_id[arm],
        pages=listed(pages, protocol, language),
        at=at,
        width=width,
        widths=list(WIDTHS.items()),
        language=language,
        source=f"{preview_path(seen.study, arm)}&at={at}&lang={language}",
    )


def listed(pages: list[Page], protocol: Protocol, language: str) -> list[dict[str, Any]]:
    """Each page with a name: its stage's title, with the item or the number where a stage has several."""
    counts: dict[str, int] = {}
    for one in pages:
        counts[one.stage] = counts.get(one.stage, 0) + 1
    rows = []
    for number, one in enumerate(pages):
        stage = protocol.stages_by_id[one.stage]
        title = protocol.say(stage.title, language) or f"{stage.id} ({stage.kind})"
        which = one.key.removeprefix(one.stage).strip("-.:/") if counts[one.stage] > 1 else ""
        rows.append({"number": number, "title": title, "which": which})
    return rows
