"""How sure the model is of the study's own questions, and whether it should be: from the record of its calls.

Scores with their intervals and figures take longer than a page may. They depend on the questions and the recorded calls
only, so a process keeps them by these: a call that changed (or was erased) is another record, and is scored again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from study.panel.access import Right, study_for
from study.panel.frame import page
from study.panel.protocols import SVG_POLICY
from study.registration.models import Study
from study.session.walks import protocol_of_study

if TYPE_CHECKING:
    from study.model_confidence import Item, Scored


@dataclass(frozen=True)
class Record:
    """What was asked and answered. `version` changes with every change of a row of it."""

    study: UUID
    items: tuple[Item, ...]
    version: str


VERSION = """
    SELECT md5(string_agg(id::text || ' ' || xmin::text, ',' ORDER BY key)) FROM llm_call
    WHERE study = %s AND key LIKE %s
"""


def record_of(study: Study) -> Record:
    """The record as it is now. One query beside the protocol's."""
    from study.model_confidence import items_of  # pandas: only for who looks

    items = items_of(protocol_of_study(study))
    with connection.cursor() as cursor:
        cursor.execute(VERSION, [study.pk, f"confidence:{study.pk}:%"])
        [(version,)] = cursor.fetchall()
    return Record(study.pk, tuple(items), version or "")


@require_safe
def confidence(request: HttpRequest, slug: str) -> HttpResponse:
    """A table of scores and a reliability diagram for each way of asking. Nothing of any participant is in it."""
    seen = study_for(request, slug, Right.SEE)
    record = record_of(seen.study)
    ways = [(number, one) for number, one in enumerate(_scored(record)) if one.scores]
    return page(request, "panel/confidence.html", seen, "protocol", rows=_rows(record), ways=ways)


@require_safe
def figure(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One way's reliability diagram."""
    seen = study_for(request, slug, Right.SEE)
    record = record_of(seen.study)
    found = _scored(record)
    if number >= len(found) or not found[number].scores:
        raise Http404
    svg = _diagram(record, number)
    return HttpResponse(svg, content_type="image/svg+xml", headers={"Content-Security-Policy": SVG_POLICY})


@lru_cache(maxsize=32)
def _scored(record: Record) -> tuple[Scored, ...]:
    from study.model_confidence import of_study

    return tuple(of_study(record.study, record.items)) if record.version else ()


@lru_cache(maxsize=32)
def _rows(record: Record) -> list[dict[Any, Any]]:
    """The table's rows; missing numbers are None."""
    from study.model_confidence import summary

    lines = summary(_scored(record)).astype(object)
    return lines.where(lines.notna(), None).to_dict("records")


@lru_cache(maxsize=64)
def _diagram(record: Record, number: int) -> bytes:
    from analysis.figures import reliability_diagram  # matplotlib: only for who looks

    one = _scored(record)[number]
    return reliability_diagram(one.scores, title=str(one.way)).svg()
