"""What the desks have in common: the way back to where somebody was, and how far a search is."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from elicitation.runs.actions import is_lost, latest
from study.panel.access import Right, study_for
from study.panel.frame import page
from study.registration.models import Study


def back(request: HttpRequest, slug: str, name: str, states: dict[str, str], number: int = 0) -> HttpResponse:
    """To the desk with the filter and the page that somebody came from, at a row."""
    state, at = request.POST.get("state", ""), request.POST.get("page", "")
    query = f"?state={state if state in states else ''}&page={at if at.isdecimal() else 1}"
    return redirect(f"{reverse(f'review:{name}', args=[slug])}{query}{f'#text-{number}' if number else ''}")


def search_of(study: Study, kind: str) -> dict[str, Any]:
    """The last search of a kind: whether it is under way, how far, and what it found. One query."""
    run = latest(study, kind)
    lost = run is not None and is_lost(run)
    return {"run": run, "lost": lost, "waiting": run is not None and run.finished_at is None and not lost}


def progress_of(request: HttpRequest, slug: str, kind: str) -> HttpResponse:
    """The part of a desk that says how far its search is; asked for every two seconds while it works."""
    seen = study_for(request, slug, Right.SEE)
    told = search_of(seen.study, kind)
    template = f"elicitation/review/_{kind}_search.html"
    return page(request, template, seen, "upgrades", arrived=not told["waiting"], **told)
