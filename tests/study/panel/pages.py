"""Every address of the panel, each with the pages that are timed in a large database, or why there is none.

The table is held against the addresses that Django knows: a new page cannot escape being timed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.urls import reverse

from elicitation.review.urls import urlpatterns as review
from llm.models import Call
from study.analyses.models import Exploration
from study.panel.urls import urlpatterns as panel
from study.phrasing.models import Wording

CLOSED = "tiny-pilot"  # the study that may be analysed
DRAFT = "more-1"
GRAPH = "moral-graph"
MAIN = "uncertainty-reliance"  # the study under way

SHOWN: dict[str, list[tuple[Any, ...]]] = {
    "panel:studies": [(), ("?q=more",), ("?page=2",)],
    "panel:new": [()],
    "panel:account": [()],
    "panel:two-factor": [()],
    "panel:password": [()],
    "panel:invitation": [("TOKEN",)],
    "panel:study": [(MAIN,), (DRAFT,), (CLOSED,), (GRAPH,)],
    "panel:move": [(MAIN, "close")],
    "panel:protocol": [(MAIN,), (DRAFT,), (GRAPH,)],
    "panel:preview": [(DRAFT, "control"), (MAIN, "control")],
    "panel:instrument": [(MAIN,), (DRAFT,), (GRAPH,)],
    "panel:confidence": [(MAIN,)],
    "panel:confidence-figure": [(MAIN, 0)],
    "panel:edit": [(DRAFT,)],
    "panel:form": [(DRAFT, part) for part in ("about", "arms", "items", "scales", "sample", "exclusions")],
    "panel:versions": [(DRAFT,)],
    "panel:register": [(DRAFT,), ("more-2",)],
    "panel:power": [(DRAFT,)],
    "panel:power-figure": [(DRAFT,)],
    "panel:phrasings": [(MAIN,), (MAIN, "?state=open&page=2")],
    "panel:phrasings-progress": [(MAIN,)],
    "panel:phrasings-put": [(DRAFT,)],
    "panel:wording": [(MAIN, "WORDING")],
    "panel:call": [(MAIN, "CALL")],
    "panel:monitor": [(MAIN,)],
    "panel:participants": [(MAIN,), (MAIN, "?q=x00"), (MAIN, "?page=150"), (MAIN, "?q=x000000001")],
    "panel:participant": [(MAIN, "x000000001")],
    "panel:withdraw": [(MAIN, "x000000001")],
    "panel:payment": [(MAIN,)],
    "panel:bonuses": [(CLOSED,), (MAIN,)],
    "panel:analysis": [(CLOSED,), (MAIN,)],
    "panel:explore": [(CLOSED,)],
    "panel:explore-figure": [(CLOSED, "LOOK")],
    "panel:bundles": [(CLOSED,)],
    "panel:people": [(MAIN,)],
    "panel:invitations": [(MAIN,)],
    "panel:log": [(MAIN,), (MAIN, "?q=time"), (MAIN, "?page=5")],
    "review:cases": [(GRAPH,)],
    "review:cases-progress": [(GRAPH,)],
    "review:upgrades": [(GRAPH,)],
    "review:upgrades-progress": [(GRAPH,)],
    "review:merges": [(GRAPH,), (GRAPH, "?state=open&page=20")],
    "review:merges-progress": [(GRAPH,)],
    "review:by-hand": [(GRAPH,), (GRAPH, "?q=patient")],
    "review:decisions": [(GRAPH,)],
    "review:follow-up": [(GRAPH,)],
    "review:curve": [(GRAPH,)],
    "review:curve-figure": [(GRAPH, "values")],
}
"""Arguments of each page, and at the end its query."""

ELSEWHERE = {"panel:login", "panel:code"}
"""Pages of people who are about to sign in; they lead others on."""

SENT = {
    "panel:logout", "panel:sign-out-everywhere", "panel:recovery", "panel:turn-off", "panel:check", "panel:check-form", "panel:restore",
    "panel:cancel-power", "panel:rehearse", "panel:phrasings-ask", "panel:copy", "panel:tell", "panel:bonus-list",
    "panel:bonus-batch", "panel:run", "panel:unblind", "panel:tables", "panel:make-bundle", "panel:download-bundle",
    "panel:change-invitation", "review:propose", "review:decide", "review:search-merges", "review:decide-merge",
    "review:accept-merges", "review:split", "review:follow-up-links", "review:draft-cases", "review:decide-case",
}  # fmt: skip
"""Addresses that only take forms."""


def names() -> set[str]:
    """Every address of the panel, as Django knows them; the records' own are in `records`."""
    return {f"panel:{one.name}" for one in panel} | {f"review:{one.name}" for one in review}


def records() -> Iterator[str]:
    """The records' front page and lists, for every model that has one."""
    yield reverse("admin:index")
    for model in admin.site._registry:
        yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def places(token: str) -> Iterator[tuple[str, str]]:
    """Name and address of every page to be timed. `token` is an open invitation's."""
    stands_for = {
        "TOKEN": lambda: token,
        "WORDING": lambda: Wording.objects.values_list("pk", flat=True)[0],
        "CALL": lambda: Call.objects.filter(key="drafted").values_list("pk", flat=True)[0],
        "LOOK": lambda: Exploration.objects.values_list("pk", flat=True)[0],
    }
    for name, pages in SHOWN.items():
        for page in pages:
            query = page[-1] if page and str(page[-1]).startswith("?") else ""
            args = [stands_for[one]() if one in stands_for else one for one in (page[:-1] if query else page)]
            yield " ".join([name, *map(str, page)]), reverse(name, args=args) + query
    yield from ((address, address) for address in records())
