"""What every page of a study carries: its header, its tabs, and how a refusal is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from study.panel.access import Right, Seen
from study.registration.models import Study

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

Shown = Callable[[Study], bool]
_ADDED: list[tuple[str, str, str, Right, Shown]] = []


def add_tab(name: str, label: str, url: str, right: Right, shown: Shown) -> None:
    """A tab of another app's pages, at the studies for which `shown` holds. To be called when an app is ready."""
    if (name, url) not in {(added[0], added[2]) for added in _ADDED}:
        _ADDED.append((name, label, url, right, shown))


def tabs_of(seen: Seen) -> list[tuple[str, str, str]]:
    """Name, label and address of the tabs that the visitor may open."""
    own = [(name, label, url) for name, label, url, right in TABS if seen.may(right)]
    return own + [
        (name, label, url)
        for name, label, url, right, shown in _ADDED
        if seen.may(right) and shown(seen.study)
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
        "tabs": tabs_of(seen),
    }
    return render(request, template, around | context, status=status)
