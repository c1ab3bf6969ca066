"""A study whose texts are drafted, and the ways of a worker and of a reviewer through it."""

from __future__ import annotations

from typing import Any

from study.phrasing import drafting, reviewing
from study.phrasing.models import Draft
from study.phrasing.working import work_off
from study.protocol import Protocol, document, from_canonical
from study.registration.models import Study
from tests import factories

KINDS = {
    "first-person": {"person": "first", "direction": "weakener", "placement": "prefix"},
    "general": {"person": "general", "direction": "weakener", "placement": "prefix"},
    "strengthened": {"direction": "strengthener"},
    "numeric": {"person": "first", "placement": "numeric"},
    "verbal": {"person": "general", "direction": "weakener", "placement": "prefix"},
}


def protocol(*, kinds: tuple[str, ...] = ("first-person",), approvals: int | None = None) -> Protocol:
    """The tiny study with two items, whose AI gives a probability, and with phrasings that take drafts."""
    content = document(factories.tiny())
    content["items"] = content["items"][:2]
    for item in content["items"]:
        item["advice"]["probability"] = 60
    content["phrasings"] = [
        {"id": kind, "drafted": kind, "text": "", "items": {}, **KINDS[kind]} for kind in kinds
    ]
    content["arms"][1] |= {"phrasing": kinds[0], "hedged": {"count": "all", "balance": []}}
    if approvals:
        content["approvals"] = approvals
    return from_canonical(content)


def study(**options: Any) -> Study:
    """A draft study of that protocol."""
    return factories.draft(protocol(**options))


def drafted(**options: Any) -> Study:
    """Everything drafted, nothing reviewed yet."""
    made = study(**options)
    drafting.ask(study=made, by=factories.user("ada"))
    work_off(made)
    return made


def newest(study: Study, item: str, stance: str, kind: str) -> Draft:
    """The latest version of a text."""
    found = Draft.objects.filter(
        wording__study=study, wording__item=item, wording__stance=stance, wording__kind=kind
    )
    return found.select_related("wording", "plain").order_by("-number")[0]


def approve_all(study: Study, *names: str) -> None:
    """Everything that is open is approved by each of those people."""
    for name in names or ("ada",):
        for draft in Draft.objects.filter(wording__study=study, state="open").order_by("pk"):
            reviewing.approve(draft=draft, by=factories.user(name))
