"""What every page of a study carries: its header, its tabs, and how a refusal is shown."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from study.panel.access import Right, Seen

TABS = [
    ("overview", "Overview", "panel:study", Right.SEE),
    ("protocol", "Protocol", "panel:protocol", Right.SEE),
    ("phrasings", "Texts", "panel:phrasings", Right.SEE),
    ("monitor", "Monitor", "panel:monitor", Right.SEE),
    ("participants", "Participants", "panel:participants", Right.PEOPLE),
    ("payment", "Payment", "panel:payment", Right.PEOPLE),
    ("analysis", "Analysis", "panel:analysis", Right.ANALYSE),
    ("people", "Roles", "panel:people", Right.SHARE),
    ("log", "Log", "panel:log", Right.LOG),
]


def page(
    request: HttpRequest, template: str, seen: Seen, tab: str, *, status: int = 200, **context: Any
) -> HttpResponse:
    """A page of a study inside its frame."""
    around = {
        "study": seen.study,
        "role": seen.role,
        "may": {right.value: seen.may(right) for right in Right},
        "tab": tab,
        "tabs": [(name, label, url) for name, label, url, right in TABS if seen.may(right)],
    }
    return render(request, template, around | context, status=status)
